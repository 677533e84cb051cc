"""The page in Chromium, a file a tab."""
