package store

// View is a filter of verdicts that a user saved under a name.
type View struct {
	User   string // ID of the user
	Owner  string // the user's name, as read
	Name   string // unique among the user's, and among shared ones
	Query  string // as the page's address has it: "result=exploitable&severity=high"
	Shared bool   // everybody sees it
}
