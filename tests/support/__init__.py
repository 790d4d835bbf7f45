"""What several rooms' tests start, post and open: real processes, producers, browser. No claims are tested in here."""
