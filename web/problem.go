package web

// problemView is an error in words.
type problemView struct {
	Status    string
	Title     string
	Text      string
	RequestID string
}
