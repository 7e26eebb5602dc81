"""Orders on their way: submit, outbox, execution, cancel. Paper is an ordinary broker."""
