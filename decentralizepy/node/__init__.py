"""The nodes of a network: who trains, who sends to whom, who waits for whom."""
