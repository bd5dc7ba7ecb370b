package aurora

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/connect"
	"github.com/azward/azward/seal"
	"github.com/azward/azward/store"
)

// mine opens the caller's connection; false where there is none.
func (h *handler) mine(ctx context.Context) (store.Connection, Azure, bool, error) {
	who, _ := access.From(ctx)
	connection, secret, err := h.o.Connections.Credential(ctx, nameFor(who))
	switch {
	case azward.KindOf(err) == azward.KindNotFound:
		return connection, nil, false, nil
	case err != nil:
		return connection, nil, false, err
	}
	client, err := h.o.Open(connection, secret)
	return connection, client, err == nil, err
}

// read is one GET: what it answers without credentials, and otherwise.
type read struct {
	none, broken string // texts of 401 and 500
	// lapsed is the text where Entra refuses the kept credentials; "" is broken.
	lapsed string
}

// with opens the caller's connection for f, which returns the body.
func (h *handler) with(w http.ResponseWriter, r *http.Request, texts read, f func(context.Context, store.Connection, Azure) (any, *problem)) {
	connection, client, found, err := h.mine(r.Context())
	switch {
	case err != nil:
		h.failed(w, r, http.StatusInternalServerError, texts.broken, err)
		return
	case !found:
		refuse(w, http.StatusUnauthorized, texts.none)
		return
	}
	defer client.Close()
	result, p := f(r.Context(), connection, client)
	switch {
	case p == nil:
		answer(w, http.StatusOK, result)
	case p.text != "":
		h.failed(w, r, p.status, p.text, p.err)
	case texts.lapsed != "" && azward.KindOf(p.err) == azward.KindSignIn:
		h.failed(w, r, http.StatusUnauthorized, texts.lapsed, p.err)
	default:
		h.failed(w, r, http.StatusInternalServerError, texts.broken, p.err)
	}
}

// enabled lists the subscriptions that the connection reads and Azure calls
// enabled, in Azure's order.
func enabled(ctx context.Context, connection store.Connection, client Azure) ([]connect.Subscription, *problem) {
	list, err := client.Subscriptions(ctx)
	if err != nil {
		return nil, &problem{err: err}
	}
	return slices.DeleteFunc(list, func(s connect.Subscription) bool { return !isEnabled(s) || !reads(connection, s.ID) }), nil
}

// reads says that the connection reads a subscription: all, where it names none.
func reads(connection store.Connection, id azward.SubscriptionID) bool {
	return len(connection.Subscriptions) == 0 || slices.ContainsFunc(connection.Subscriptions, func(s azward.SubscriptionID) bool {
		return strings.EqualFold(string(s), string(id))
	})
}

// fetchData proves that the kept credentials still work.
func (h *handler) fetchData(w http.ResponseWriter, r *http.Request) {
	const again = "Azure credentials not found. Please re-authenticate."
	h.with(w, r, read{none: again, lapsed: again, broken: "Failed to fetch Azure data"}, func(ctx context.Context, connection store.Connection, client Azure) (any, *problem) {
		list, p := enabled(ctx, connection, client)
		if p != nil {
			return nil, p
		}
		if len(list) == 0 {
			return nil, &problem{status: http.StatusUnauthorized, text: "No subscription ID found."}
		}
		return struct {
			Status string                `json:"status"`
			ID     azward.SubscriptionID `json:"subscription_id"`
			Name   string                `json:"subscription_name"`
		}{"success", list[0].ID, list[0].Name}, nil
	})
}

// cluster is an entry of /azure/clusters.
type cluster struct {
	Name           string                `json:"name"`
	ResourceGroup  string                `json:"resourceGroup"`
	SubscriptionID azward.SubscriptionID `json:"subscriptionId"`
}

// clusters lists those of every subscription that is read. One that cannot be
// read fails the whole: a shorter list would read as fewer clusters.
func (h *handler) clusters(w http.ResponseWriter, r *http.Request) {
	texts := read{none: "Azure credentials not found", broken: "Failed to fetch AKS clusters"}
	h.with(w, r, texts, func(ctx context.Context, connection store.Connection, client Azure) (any, *problem) {
		list, p := enabled(ctx, connection, client)
		if p != nil {
			return nil, p
		}
		found := []cluster{}
		for _, subscription := range list {
			ids, err := client.Clusters(ctx, subscription.ID)
			if err != nil {
				return nil, &problem{err: err}
			}
			for _, id := range ids {
				found = append(found, cluster{id.Name(), id.ResourceGroup(), subscription.ID})
			}
		}
		return found, nil
	})
}

// project is a subscription in Aurora's words.
type project struct {
	ID      azward.SubscriptionID `json:"projectId"`
	Name    string                `json:"name"`
	Enabled bool                  `json:"enabled"`
}

const (
	noCredentials  = "No Azure credentials found. Please authenticate with Azure." //nolint:gosec // a sentence
	noSubscription = "No Azure subscription found. Please configure your Azure subscription."
	subsFailed     = "Failed to process Azure subscriptions"
)

// subscriptions lists all that the principal sees; enabled are those that are
// read.
func (h *handler) subscriptions(w http.ResponseWriter, r *http.Request) {
	texts := read{none: noCredentials, lapsed: noCredentials, broken: subsFailed}
	h.with(w, r, texts, func(ctx context.Context, connection store.Connection, client Azure) (any, *problem) {
		list, err := client.Subscriptions(ctx)
		if err != nil {
			return nil, &problem{err: err}
		}
		if len(list) == 0 {
			return nil, &problem{status: http.StatusUnauthorized, text: noSubscription}
		}
		projects := make([]project, 0, len(list))
		for _, s := range list {
			projects = append(projects, project{s.ID, s.Name, isEnabled(s) && reads(connection, s.ID)})
		}
		return struct {
			Projects []project `json:"projects"`
		}{projects}, nil
	})
}

// choose keeps which subscriptions are read from now on: those of the body
// that are enabled, each of which Azure has to list.
func (h *handler) choose(w http.ResponseWriter, r *http.Request) {
	b, err := readBody(r)
	if err != nil {
		h.failed(w, r, http.StatusBadRequest, "projects must be a list", err)
		return
	}
	who, _ := access.From(r.Context())
	if !isSelf(who, b.text("userId", "user_id")) {
		refuse(w, http.StatusForbidden, foreignUser)
		return
	}
	wanted, err := chosenOf(b)
	if err != nil {
		h.failed(w, r, http.StatusBadRequest, "projects must be a list", err)
		return
	}
	h.with(w, r, read{none: noCredentials, lapsed: noCredentials, broken: subsFailed}, func(ctx context.Context, connection store.Connection, client Azure) (any, *problem) {
		if p := h.narrow(ctx, connection, client, wanted); p != nil {
			return nil, p
		}
		return struct {
			Status string `json:"status"`
		}{"success"}, nil
	})
}

// maxProjects bounds a choice; larger tenants leave it at all.
const maxProjects = 1000

func chosenOf(b body) ([]string, error) {
	raw, given := b.field("projects")
	if !given {
		return nil, nil
	}
	var list []struct {
		ID      string `json:"projectId"`
		Enabled *bool  `json:"enabled"` // left out is true
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, err
	}
	if len(list) > maxProjects {
		return nil, &azward.Error{Kind: azward.KindUsage, Op: "choose subscriptions", Cause: "there are too many"}
	}
	wanted := []string{}
	for _, p := range list {
		if p.Enabled == nil || *p.Enabled {
			wanted = append(wanted, p.ID)
		}
	}
	return wanted, nil
}

// narrow saves the choice. No choice at all leaves things as they are; a choice
// of nothing is refused, since a connection that names none reads all.
func (h *handler) narrow(ctx context.Context, connection store.Connection, client Azure, wanted []string) *problem {
	if wanted == nil {
		return nil
	}
	list, err := client.Subscriptions(ctx)
	if err != nil {
		return &problem{err: err}
	}
	for _, id := range wanted {
		if !slices.ContainsFunc(list, func(s connect.Subscription) bool { return isEnabled(s) && strings.EqualFold(string(s.ID), id) }) {
			return &noneEnabled
		}
	}
	if len(wanted) == 0 {
		return &noneEnabled
	}
	request := connect.Request{
		Name: connection.Name, TenantID: string(connection.TenantID), ClientID: connection.ClientID, Cloud: connection.Cloud,
		CloudConfig: connection.CloudConfig, Auth: connection.Auth, Secret: seal.Secret{}, Subscriptions: wanted,
	}
	after, err := h.o.Connections.Update(ctx, request, connection.UpdatedAt, time.Now().UTC())
	if err != nil {
		return &problem{err: err}
	}
	if err := h.o.Audit(ctx, "connection.update", connection.Name, connection, after); err != nil {
		return &problem{err: err}
	}
	return nil
}

// disconnect forgets the caller's connection. One that is not there is done
// already, as in the original.
func (h *handler) disconnect(w http.ResponseWriter, r *http.Request) {
	done := func(text string) {
		answer(w, http.StatusOK, struct {
			Success bool   `json:"success"`
			Message string `json:"message"`
		}{true, text})
	}
	who, _ := access.From(r.Context())
	name := nameFor(who)
	err := h.o.Connections.Remove(r.Context(), name)
	if err == nil {
		err = h.o.Audit(r.Context(), "connection.remove", name, struct {
			Name string `json:"name"`
		}{name}, nil)
	}
	switch {
	case err == nil:
		done("Removed azure credentials")
	case azward.KindOf(err) == azward.KindNotFound:
		done("No tokens found for provider – nothing to delete")
	default:
		h.failed(w, r, http.StatusInternalServerError, "Failed to delete connected account", err)
	}
}
