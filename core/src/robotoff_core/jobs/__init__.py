"""Work done outside a request: the ledger (the truth), its transport, workers and schedules."""
