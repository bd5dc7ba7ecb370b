package access

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
)

// Reply is an answer that is kept for a request with an idempotency key.
type Reply struct {
	Status      int
	ContentType string
	Header      map[string]string // beside the content type, such as Location; nil for none
	Body        []byte
	// Withheld says that the body holds a secret: that the request was done is
	// kept, the body is not.
	Withheld bool
}

// Bounds of kept answers.
const (
	replyLifetime = 24 * time.Hour
	// pendingLifetime is how long a key stays taken by a request that a crash
	// ended; no request takes longer to answer.
	pendingLifetime = 5 * time.Minute
	maxReplies      = 1000 // a user's keys at a time
	maxReplyBody    = 256 << 10
	maxKey          = 255
)

// Request is what a key stands for: the route and a digest of the body.
type Request struct {
	Key   string // as the client sent it, 1 to 255 printable characters
	Route string // method and path
	Hash  []byte // SHA-256 of the body
}

// BeginRequest takes the key for the user that the context carries. A nil reply
// says go on, and call [Control.FinishRequest]; another one is the answer that
// the same request had. KindConflict says that it is still being answered,
// KindBadInput that the key stood for another request, KindThrottled that the
// user keeps too many.
func (c *Control) BeginRequest(ctx context.Context, r Request) (*Reply, error) {
	const op = "take idempotency key"
	who, err := Check(ctx, Viewer, op)
	if err != nil {
		return nil, err
	}
	if !printable(r.Key, maxKey) {
		return nil, &azward.Error{Kind: azward.KindUsage, Op: op, Cause: "it is empty, too long, or has characters that do not print", Remedy: "send a random one, such as a UUID"}
	}
	now := c.now()
	held, begun, err := c.store.BeginReply(ctx, store.Reply{
		UserID: who.UserID, Key: r.Key, Route: r.Route, Request: r.Hash, ExpiresAt: now.Add(pendingLifetime),
	}, maxReplies, now)
	if err != nil || begun {
		return nil, err
	}
	if held.Route != r.Route || !bytes.Equal(held.Request, r.Hash) {
		return nil, &azward.Error{Kind: azward.KindBadInput, Op: op, Subject: r.Key, Cause: "it stood for another request", Remedy: "use a new key for each request"}
	}
	if held.Status == 0 {
		return nil, &azward.Error{Kind: azward.KindConflict, Op: op, Subject: r.Key, Cause: "the first request with it is still being answered", Remedy: "ask again in a moment"}
	}
	if held.ContentType == withheld {
		return nil, &azward.Error{
			Kind: azward.KindConflict, Op: op, Subject: r.Key, Cause: "the request was done, and its answer is not kept: it is too large, or was to be seen once",
			Remedy: "look at what it made; to make another, use a new key",
		}
	}
	return &Reply{Status: held.Status, ContentType: held.ContentType, Header: held.Header, Body: held.Body}, nil
}

// FinishRequest keeps the answer for a day. With a nil reply, and with one that
// a retry may better (5xx, 429), the key is free again.
func (c *Control) FinishRequest(ctx context.Context, r Request, reply *Reply) error {
	who, err := Check(ctx, Viewer, "keep answer")
	if err != nil {
		return err
	}
	kept := store.Reply{UserID: who.UserID, Key: r.Key}
	if reply != nil && reply.Status < http.StatusInternalServerError && reply.Status != http.StatusTooManyRequests {
		kept.Status, kept.ContentType, kept.Header, kept.Body, kept.ExpiresAt = reply.Status, reply.ContentType, reply.Header, reply.Body, c.now().Add(replyLifetime)
		if reply.Withheld || len(reply.Body) > maxReplyBody {
			kept.ContentType, kept.Header, kept.Body = withheld, nil, nil
		}
	}
	// The answer is on its way: a client that hung up must find it kept.
	return c.store.FinishReply(context.WithoutCancel(ctx), kept)
}

// withheld stands for the media type of a body that was not kept.
const withheld = "withheld"
