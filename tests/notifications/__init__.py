"""Claims about notifications: rules, inbox, preferences, toasts, history."""
