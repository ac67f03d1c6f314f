//! What a function's `main` shares with the others: one way from an invocation to an answer.
