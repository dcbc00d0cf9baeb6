package ui

import "strconv"

// countWords writes "1 order is", "3 orders are", "no orders are".
func countWords(n int, one, many string) string {
	switch n {
	case 0:
		return "no " + many
	case 1:
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// Contracts writes "1 contract", "5 contracts".
func Contracts(n int) string { return countWords(n, "contract", "contracts") }

// Orders writes "1 order", "3 orders".
func Orders(n int) string { return countWords(n, "order", "orders") }

// Attempts writes "1 attempt", "3 attempts".
func Attempts(n int) string { return countWords(n, "attempt", "attempts") }

// Destinations writes "1 destination", "3 destinations".
func Destinations(n int) string { return countWords(n, "destination", "destinations") }

// Persons writes "1 person", "240 people", "nobody".
func Persons(n int) string {
	switch n {
	case 0:
		return "nobody"
	case 1:
		return "1 person"
	}
	return strconv.Itoa(n) + " people"
}

// People writes "1 person copies", "240 people copy", "nobody copies".
func People(n int) string {
	switch n {
	case 0:
		return "nobody copies"
	case 1:
		return "1 person copies"
	}
	return strconv.Itoa(n) + " people copy"
}

// SideWords is a side in words: what the confirmation says.
func SideWords(side string) string {
	switch side {
	case "BTO":
		return "Buy to open"
	case "STC":
		return "Sell to close"
	}
	return side
}

// typeWords is an order type in words.
func typeWords(orderType string) string {
	if orderType == "StopLimit" {
		return "Stop limit"
	}
	return orderType
}

// stateTone is how an order's state looks. Colours of profit and loss are not used:
// a filled order is neither.
func stateTone(state string) Tone {
	switch state {
	case "queued", "submitting":
		return Busy
	case "accepted", "partial":
		return Good
	case "unknown", "aborted", "not_placed":
		return Wait
	case "rejected":
		return Bad
	}
	return Plain
}

func badgeClass(t Tone) string {
	switch t {
	case Good:
		return "badge-soft badge-primary"
	case Busy:
		return "badge-soft badge-info"
	case Wait:
		return "badge-soft badge-warning"
	case Bad:
		return "badge-soft badge-error"
	}
	return "badge-outline border-line text-quiet"
}
