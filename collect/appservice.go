package collect

import (
	"encoding/json"

	"github.com/azward/azward"
)

// siteConfiguration adds a site's configuration, with the access restrictions
// that the site's own object leaves out, and its deployment slots with theirs:
// each slot is a site of its own.
//
// Source: https://learn.microsoft.com/rest/api/appservice/web-apps/get-configuration
func siteConfiguration(r *run, o object) error {
	r.add(o.body, o.id, r.from(o.apiVersion))
	if err := r.webConfig(o, o.id); err != nil {
		return err
	}
	if o.id.Parent() != "" {
		return nil // a slot has no slots
	}
	var slots []object
	err := r.childObjects(o, "/slots", "Microsoft.Web/sites/slots", func(body json.RawMessage, id azward.ResourceID) {
		r.add(body, o.id, r.from(o.apiVersion))
		slots = append(slots, object{o.ctx, id, o.apiVersion, body})
	})
	if err != nil {
		return err
	}
	for _, slot := range slots {
		if err := r.webConfig(slot, slot.id); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) webConfig(o object, site azward.ResourceID) error {
	for _, part := range []struct{ path, needs string }{
		{"/config/web", "Microsoft.Web/sites/config/read"},
		{"/config/authsettingsV2", "Microsoft.Web/sites/config/read"},
	} {
		body, err := r.get(o.ctx, string(site)+part.path, o.apiVersion)
		switch {
		case err == nil:
			r.add(body, site, r.from(o.apiVersion))
		case azward.KindOf(err) == azward.KindNotFound:
			// No such settings were ever written: that is not a gap in web, which
			// always exists.
			if part.path == "/config/web" {
				if err := r.missing(site+azward.ResourceID(part.path), "Microsoft.Web/sites/config", part.needs, err); err != nil {
					return err
				}
			}
		default:
			if err := r.missing(site+azward.ResourceID(part.path), "Microsoft.Web/sites/config", part.needs, err); err != nil {
				return err
			}
		}
	}
	return nil
}

// childObjects lists children and hands each over with its ID.
func (r *run) childObjects(o object, path, resourceType string, each func(json.RawMessage, azward.ResourceID)) error {
	pages, err := r.list(o.ctx, string(o.id)+path, o.apiVersion, func(body json.RawMessage) error {
		var head struct{ ID azward.ResourceID }
		if err := json.Unmarshal(body, &head); err != nil || head.ID == "" {
			r.gap(azward.Gap{Scope: o.id, Kind: azward.GapUnparsed, Reads: resourceType, Error: "an object of the list has no id"})
			return nil
		}
		each(body, head.ID)
		return nil
	})
	if err != nil && azward.KindOf(err) != azward.KindNotFound {
		return r.missing(o.id, resourceType, resourceType+"/read", err)
	}
	r.listed(o.id, resourceType, "complete", pages)
	return nil
}
