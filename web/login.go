package web

// loginView is the ways to sign in.
type loginView struct {
	Providers []Provider
	ReturnTo  string // a path of ours
}

// Provider is one way to sign in: its name in addresses, and what people call it.
type Provider struct{ Name, Label string }
