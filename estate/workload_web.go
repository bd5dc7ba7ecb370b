package estate

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/azward/azward"
)

type (
	siteView struct {
		Properties struct {
			State      string      `json:"state"`
			Enabled    *bool       `json:"enabled"`
			SiteConfig *siteConfig `json:"siteConfig"`
			// SiteProperties repeats some of the configuration in a LIST.
			SiteProperties struct {
				Properties []struct {
					Name  string  `json:"name"`
					Value *string `json:"value"`
				} `json:"properties"`
			} `json:"siteProperties"`
		} `json:"properties"`
	}
	siteConfigView struct {
		Properties siteConfig `json:"properties"`
	}
	siteConfig struct {
		LinuxFxVersion   *string `json:"linuxFxVersion"`
		WindowsFxVersion *string `json:"windowsFxVersion"`
	}
	siteContainerView struct {
		Properties struct {
			Image      string `json:"image"`
			TargetPort string `json:"targetPort"`
		} `json:"properties"`
	}
)

// site reads a web app, a function app or a slot of one.
func (e *Estate) site(r *Resource, w *Workload) bool {
	w.Kind = azward.AppService
	if strings.Contains(strings.ToLower(r.Kind), "functionapp") {
		w.Kind = azward.FunctionApp
	}
	if parent := r.ID.Parent(); strings.EqualFold(r.Type, "Microsoft.Web/sites/slots") {
		w.Name = parent.Name() + "/" + r.ID.Name()
	}
	v, ok := view[siteView](w, r)
	if !ok {
		return true
	}
	switch p := v.Properties; {
	case p.Enabled != nil && !*p.Enabled:
		w.decide(azward.No, r.Evidence("/properties/enabled", "the site is disabled"))
	case strings.EqualFold(p.State, "Stopped"):
		w.decide(azward.No, r.Evidence("/properties/state", "the site is stopped"))
	case strings.EqualFold(p.State, "Running"):
		w.decide(azward.Yes, r.Evidence("/properties/state", "the site runs"))
	default:
		w.lacks("/properties/state", "Microsoft.Web/sites/read", "the site's state was not read", "az webapp show --ids "+string(r.ID))
	}
	e.siteContainers(r, v, w)
	return true
}

// runtime is one statement of what a site runs, and where it stands.
type runtime struct {
	source  *Resource
	pointer string
	value   string // "DOCKER|nginx:1.25", "NODE|20-lts"
}

// siteContainers files the images of a site that runs containers. A list of
// sites leaves siteConfig empty; the record config/web holds the same.
//
// Source: https://learn.microsoft.com/azure/app-service/configure-custom-container
func (e *Estate) siteContainers(r *Resource, v *siteView, w *Workload) {
	stated, found := e.siteRuntimes(r, v, w)
	sidecars := false
	for _, s := range stated {
		kind, image, _ := strings.Cut(s.value, "|")
		switch strings.ToLower(kind) {
		case "docker":
			if image == "" {
				continue
			}
			image = strings.TrimPrefix(strings.TrimPrefix(image, "https://"), "http://")
			w.addContainer(Container{
				Name: "main", Image: image, Digest: digestOf(image),
				Evidence: []azward.Evidence{s.source.Evidence(s.pointer, "names the image")},
			})
		case "sitecontainers":
			sidecars = true
		case "compose", "kube":
			w.Gaps = append(w.Gaps, azward.Gap{
				Scope: r.ID, Kind: azward.GapUnsupported, Reads: s.pointer,
				Error:  "the site runs several containers from a " + strings.ToLower(kind) + " file, which azward does not read",
				Remedy: "move the site to sidecar containers; Docker Compose apps on App Service are being retired",
			})
		}
	}
	kinds := strings.ToLower(r.Kind)
	if !found && (strings.Contains(kinds, "linux") || strings.Contains(kinds, "container")) || !found && kinds == "" {
		w.lacks("/properties/siteConfig", "Microsoft.Web/sites/config/read",
			"the site's configuration, which names its image, was not read", "az webapp config show --ids "+string(r.ID))
	}
	e.siteSidecars(r, w, sidecars)
}

// siteRuntimes returns what the site and its config/web record state; found
// is false when neither states anything.
func (e *Estate) siteRuntimes(r *Resource, v *siteView, w *Workload) (stated []runtime, found bool) {
	add := func(source *Resource, base string, c *siteConfig) {
		for _, s := range []struct {
			name  string
			value *string
		}{{"linuxFxVersion", c.LinuxFxVersion}, {"windowsFxVersion", c.WindowsFxVersion}} {
			if s.value == nil {
				continue
			}
			found = true
			if *s.value != "" {
				stated = append(stated, runtime{source, base + "/" + s.name, *s.value})
			}
		}
	}
	if config, ok := e.Resource(r.ID.Child("config", "web")); ok {
		if c, ok := view[siteConfigView](w, config); ok {
			add(config, "/properties", &c.Properties)
		}
	}
	if len(stated) == 0 && v.Properties.SiteConfig != nil {
		add(r, "/properties/siteConfig", v.Properties.SiteConfig)
	}
	if len(stated) > 0 {
		return stated, true
	}
	for i, p := range v.Properties.SiteProperties.Properties {
		if name := strings.ToLower(p.Name); name != "linuxfxversion" && name != "windowsfxversion" {
			continue
		}
		if found = true; p.Value != nil && *p.Value != "" {
			stated = append(stated, runtime{r, fmt.Sprintf("/properties/siteProperties/properties/%d/value", i), *p.Value})
		}
	}
	return stated, found
}

// siteSidecars files the records of a site's containers. Expected says that
// the configuration points there.
//
// Source: https://learn.microsoft.com/azure/app-service/overview-sidecar
func (e *Estate) siteSidecars(r *Resource, w *Workload, expected bool) {
	childType := r.ID.Type() + "/sitecontainers"
	for _, c := range e.Children(r.ID, childType) {
		v, ok := view[siteContainerView](w, c)
		if !ok {
			continue
		}
		container := Container{
			Name: c.ID.Name(), Image: v.Properties.Image, Digest: digestOf(v.Properties.Image),
			Evidence: []azward.Evidence{c.Evidence("/properties/image", "names the image")},
		}
		if port, err := strconv.ParseUint(v.Properties.TargetPort, 10, 16); err == nil {
			container.Ports = []ContainerPort{{Port: uint16(port), Protocol: "tcp"}}
		}
		w.addContainer(container)
	}
	if expected {
		_, missing := e.Absence(r.ID, childType)
		w.Gaps = append(w.Gaps, missing...)
	}
}
