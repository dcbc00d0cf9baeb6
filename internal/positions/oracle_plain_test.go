//go:build !race

package positions

// histories is how many random lives the ledger is held against the oracle for.
const histories = 100_000
