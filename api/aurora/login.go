package aurora

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/connect"
	"github.com/azward/azward/seal"
	"github.com/azward/azward/store"
)

// credentials are a service principal's, as the body of a login spells them.
type credentials struct {
	tenant, client, secret string
	subscription, name     string // of the subscription that was asked for; "" leaves it to us
}

func credentialsOf(b body) credentials {
	return credentials{
		tenant: b.text("tenantId", "tenant"), client: b.text("clientId", "appId"), secret: b.text("clientSecret", "password"),
		subscription: b.text("subscriptionId", "subscription_id"), name: b.text("subscriptionName", "subscription_name"),
	}
}

// problem is an answer that ends a request.
type problem struct {
	status int
	text   string
	err    error // for the log
}

var (
	badRequest    = problem{status: http.StatusBadRequest, text: "Missing required credentials"}
	notAnObject   = problem{status: http.StatusBadRequest, text: "readOnlyCredentials must be an object"}
	incomplete    = problem{status: http.StatusBadRequest, text: "readOnlyCredentials must include clientId and clientSecret"}
	noneEnabled   = problem{status: http.StatusBadRequest, text: "No enabled subscription found"}
	wrongIdentity = problem{status: http.StatusForbidden, text: foreignUser}
)

// login proves the credentials, and keeps those that may least: where
// read-only ones are given, they alone are kept and the others forgotten.
func (h *handler) login(w http.ResponseWriter, r *http.Request) {
	result, p := h.logIn(r)
	if p != nil {
		h.failed(w, r, p.status, p.text, p.err)
		return
	}
	answer(w, http.StatusOK, result)
}

// loggedIn is the body of a login that went well.
type loggedIn struct {
	Message string                `json:"message"`
	ID      azward.SubscriptionID `json:"subscription_id"`
	Name    string                `json:"subscription_name"`
}

func (h *handler) logIn(r *http.Request) (loggedIn, *problem) {
	who, _ := access.From(r.Context())
	b, err := readBody(r)
	if err != nil {
		return loggedIn{}, badRequest.because(err)
	}
	if !isSelf(who, b.text("userId", "user_id")) {
		return loggedIn{}, &wrongIdentity
	}
	full := credentialsOf(b)
	if full.tenant == "" || full.client == "" || full.secret == "" {
		return loggedIn{}, &badRequest
	}
	reading, p := readOnlyOf(b, full)
	if p != nil {
		return loggedIn{}, p
	}
	chosen, p := h.prove(r.Context(), full)
	if p != nil {
		return loggedIn{}, p
	}
	kept := full
	if reading != nil { // what is reported is what can be read from now on
		if chosen, p = h.prove(r.Context(), *reading); p != nil {
			return loggedIn{}, p
		}
		kept = *reading
	}
	if err := h.keep(r.Context(), who, kept, chosen); err != nil {
		return loggedIn{}, &problem{http.StatusInternalServerError, "Failed to process Azure login", err}
	}
	return loggedIn{"Successfully logged in to Azure", chosen.ID, chosen.Name}, nil
}

func (p problem) because(err error) *problem {
	p.err = err
	return &p
}

// readOnlyOf reads the read-only credentials; nil where the body has none.
func readOnlyOf(b body, full credentials) (*credentials, *problem) {
	raw, given := b.field("readOnlyCredentials", "read_only_credentials")
	if !given {
		return nil, nil
	}
	var inner body
	if err := json.Unmarshal(raw, &inner); err != nil {
		return nil, notAnObject.because(err)
	}
	c := credentialsOf(inner)
	if c.client == "" || c.secret == "" {
		return nil, &incomplete
	}
	if c.tenant == "" {
		c.tenant = full.tenant
	}
	if c.subscription == "" {
		c.subscription, c.name = full.subscription, full.name
	}
	return &c, nil
}

// prove signs in and chooses the subscription: the one that was asked for, and
// otherwise the first that is enabled.
func (h *handler) prove(ctx context.Context, c credentials) (connect.Subscription, *problem) {
	client, p := h.open(c)
	if p != nil {
		return connect.Subscription{}, p
	}
	defer client.Close()
	if err := client.Token(ctx); err != nil {
		if azward.KindOf(err) == azward.KindSignIn {
			return connect.Subscription{}, invalid(err)
		}
		return connect.Subscription{}, &problem{http.StatusUnauthorized, "Failed to get Azure token", err}
	}
	list, err := client.Subscriptions(ctx)
	if err != nil {
		return connect.Subscription{}, invalid(err)
	}
	chosen, ok := choice(list, c)
	if !ok {
		return connect.Subscription{}, &noneEnabled
	}
	return chosen, nil
}

func invalid(err error) *problem {
	return &problem{http.StatusUnauthorized, "Invalid Azure credentials", err}
}

func (h *handler) open(c credentials) (Azure, *problem) {
	request := h.request("aurora", c)
	if err := request.Check(); err != nil {
		return nil, invalid(err)
	}
	client, err := h.o.Open(store.Connection{
		Name: request.Name, Kind: store.KindAzure, TenantID: azward.TenantID(strings.ToLower(c.tenant)), ClientID: strings.ToLower(c.client),
		Cloud: h.o.Cloud, CloudConfig: h.o.CloudConfig, Auth: store.AuthClientSecret,
	}, request.Secret)
	if err != nil {
		return nil, invalid(err)
	}
	return client, nil
}

func (h *handler) request(name string, c credentials) connect.Request {
	return connect.Request{
		Name: name, TenantID: c.tenant, ClientID: c.client, Cloud: h.o.Cloud, CloudConfig: h.o.CloudConfig,
		Auth: store.AuthClientSecret, Secret: seal.NewSecret(c.secret),
	}
}

// choice finds the subscription that was asked for by ID, by name, or not at
// all. One that is not there or not enabled is none.
func choice(list []connect.Subscription, c credentials) (connect.Subscription, bool) {
	at := slices.IndexFunc(list, func(s connect.Subscription) bool {
		return isEnabled(s) && (c.subscription == "" || strings.EqualFold(string(s.ID), c.subscription)) &&
			(c.subscription != "" || c.name == "" || s.Name == c.name)
	})
	if at < 0 {
		return connect.Subscription{}, false
	}
	return list[at], true
}

// isEnabled follows the original, to which a subscription with unpaid bills is
// none.
func isEnabled(s connect.Subscription) bool { return s.State == "Enabled" }

// keep saves the credentials as the user's connection, in place of earlier
// ones. Where the user asked for a subscription it is the one that is read.
func (h *handler) keep(ctx context.Context, who access.Identity, c credentials, chosen connect.Subscription) error {
	request := h.request(nameFor(who), c)
	if c.subscription != "" || c.name != "" {
		request.Subscriptions = []string{string(chosen.ID)}
	}
	before, _, err := h.o.Connections.Credential(ctx, request.Name)
	now := time.Now().UTC()
	switch azward.KindOf(err) {
	case azward.KindNotFound:
		after, err := h.o.Connections.Add(ctx, request, now)
		if err != nil {
			return err
		}
		return h.o.Audit(ctx, "connection.add", after.Name, nil, after)
	default:
		// A secret that does not open any more is replaced all the same.
		after, err := h.o.Connections.Update(ctx, request, time.Time{}, now)
		if err != nil {
			return err
		}
		return h.o.Audit(ctx, "connection.update", after.Name, before, after)
	}
}

var plainID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,50}$`)

// nameFor is the name of a user's connection. It says nothing that another
// user could choose.
func nameFor(who access.Identity) string {
	if plainID.MatchString(who.UserID) {
		return "aurora-" + who.UserID
	}
	sum := sha256.Sum256([]byte(who.UserID))
	return "aurora-" + hex.EncodeToString(sum[:16])
}
