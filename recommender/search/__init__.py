"""Search by words, by picture and by both: what is asked, each leg that answers, and how they are fused."""
