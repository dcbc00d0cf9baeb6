//go:build race

package positions

// histories is how many random lives the ledger is held against the oracle for:
// fewer under the race detector, which makes each ten times as long and has
// nothing to find in plain arithmetic.
const histories = 20_000
