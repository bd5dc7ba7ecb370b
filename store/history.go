package store

import (
	"time"

	"github.com/azward/azward"
)

// VerdictSpan is what a verdict was from one scan of a source to another.
type VerdictSpan struct {
	Source   string          `json:"source"`
	Since    time.Time       `json:"since" doc:"Start of the first scan that says so."`
	Until    time.Time       `json:"until,omitzero" doc:"Start of the first scan that says otherwise, or has it no more; absent while it holds."`
	Scan     string          `json:"scan" doc:"The first scan that says so; it may not be kept any more."`
	Result   azward.Result   `json:"result"`
	Severity azward.Severity `json:"severity"`
	// Reason is the verdict's sentence in that scan; "" where it was not kept.
	Reason string `json:"reason,omitempty" doc:"The verdict's sentence in that scan."`
}
