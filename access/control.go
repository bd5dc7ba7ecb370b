package access

// Control says who may sign in, and remembers who did.
type Control struct{}
