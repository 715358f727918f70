"""The second stage: orders the candidates of a list by what is known of each."""
