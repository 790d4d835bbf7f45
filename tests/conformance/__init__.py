"""The public SDKs, unchanged, against our gateway."""
