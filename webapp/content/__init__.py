"""What is written and said: the verbs that change it, each with its event, and the queries that read it."""
