"""The search, judged: queries, what answers them, and the script that works both out."""
