package auth

// Problems a sign-in can end with; the sign-in page is given the code.
const (
	ProblemDenied        = "denied"
	ProblemFailed        = "failed"
	ProblemAccountExists = "account_exists"
	ProblemNotPossible   = "not_possible"
	ProblemOtherPerson   = "other_person"
	ProblemPasskeyNeeded = "passkey_needed"
)

// problemError is a sign-in that ends on the sign-in page with a sentence.
type problemError string

func (p problemError) Error() string { return "sign-in ended: " + string(p) }

// Problem is the sentence for a code of the sign-in page's query; empty for what
// is no code of ours, so that nobody can put words on our page.
func Problem(code string) string {
	switch code {
	case ProblemDenied:
		return "You did not let the provider sign you in. Nothing has changed."
	case ProblemFailed:
		return "The provider could not sign you in. Please try again in a moment."
	case ProblemAccountExists:
		return "You already have an account with this e-mail address. Sign in the way you did before; then you can link this one."
	case ProblemNotPossible:
		return "You cannot sign in with this account."
	case ProblemOtherPerson:
		return "That was another account. To confirm that it is you, choose the one you are signed in with."
	case ProblemPasskeyNeeded:
		return "You are asked for a passkey at sign-in: confirm with it that it is you."
	}
	return ""
}
