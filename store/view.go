package store

// View is a filter of verdicts that a user saved under a name.
type View struct {
	User  string // ID of the user
	Name  string // unique among the user's
	Query string // as the page's address has it: "result=exploitable&severity=high"
}
