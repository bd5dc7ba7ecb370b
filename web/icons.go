package web

import "html/template"

// icons are drawn by hand on a grid of 16, in the colour of the text beside
// them. They are decoration: the word beside each says the same.
var icons = map[string]string{
	"shield":       `<path d="M8 1.5 13.5 3.5v4.2c0 3.3-2.3 5.6-5.5 6.8-3.2-1.2-5.5-3.5-5.5-6.8V3.5z"/><path d="m5.5 8 1.8 1.8L10.7 6.200"/>`,
	"overview":     `<path d="M2 3h12M4 7h8M6 11h4"/><path d="M7.500 14h1"/>`,
	"verdicts":     `<path d="M6 4h8M6 8h8M6 12h8"/><path d="m1.500 4 .8.800L3.800 3.200M1.500 8l.8.800 1.500-1.600M1.500 12l.8.800 1.500-1.600"/>`,
	"estate":       `<path d="m8 1.500 6 3.250v6.500L8 14.500l-6-3.250v-6.500z"/><path d="m2 4.750 6 3.250 6-3.250M8 8v6.500"/>`,
	"registries":   `<path d="M2 4.500 8 2l6 2.500L8 7zM2 8l6 2.500L14 8M2 11.500 8 14l6-2.500"/>`,
	"integrations": `<path d="M6 2v3M10 2v3M4 5h8v3a4 4 0 0 1-8 0zM8 12v2.500"/>`,
	"scans":        `<circle cx="8" cy="8" r="6"/><circle cx="8" cy="8" r="2.500"/><path d="M8 2v3.500"/>`,
	"posture":      `<path d="M3 2h10v12H3z"/><path d="m5 5.500.8.800L7.300 4.700M9 5.500h2M5 10l.8.800L7.300 9.200M9 10h2"/>`,
	"settings":     `<path d="M2 4.500h7M12.500 4.500H14M2 11.500h1.500M7 11.500h7"/><circle cx="10.700" cy="4.500" r="1.750"/><circle cx="5.250" cy="11.500" r="1.750"/>`,

	"exploitable":     `<circle class="f" cx="8" cy="8" r="6"/>`,
	"conditional":     `<circle cx="8" cy="8" r="5.500"/><path class="f" d="M8 2.500a5.500 5.500 0 0 1 0 11z"/>`,
	"unknown":         `<path d="M5 5.500a3 3 0 1 1 4.200 2.750C8.400 8.650 8 9.100 8 10"/><circle class="f" cx="8" cy="13" r="1"/>`,
	"dormant":         `<path d="M13 9.500A5.500 5.500 0 1 1 6.500 3 4.500 4.500 0 0 0 13 9.500z"/>`,
	"not-exploitable": `<circle cx="8" cy="8" r="5.500"/>`,
	"yes":             `<circle class="f" cx="8" cy="8" r="5"/>`,
	"no":              `<circle cx="8" cy="8" r="5"/>`,

	"complete":    `<path d="m3 8.500 3.200 3.200L13 5"/>`,
	"partial":     `<path d="M8 2 14.500 13.500h-13z"/><path d="M8 6.500v3.200"/><circle class="f" cx="8" cy="11.700" r=".8"/>`,
	"failed":      `<path d="m4 4 8 8M12 4l-8 8"/>`,
	"interrupted": `<path d="M5.500 3.500v9M10.500 3.500v9"/>`,
	"running":     `<path d="M14 8a6 6 0 1 1-3-5.200"/>`,
	"cancelled":   `<circle cx="8" cy="8" r="6"/><path d="m5.500 5.500 5 5"/>`,
	"queued":      `<circle cx="8" cy="8" r="6"/><path d="M8 4.500V8l2.500 1.500"/>`,

	"sun":      `<circle cx="8" cy="8" r="3"/><path d="M8 1v1.500M8 13.500V15M1 8h1.500M13.500 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1"/>`,
	"moon":     `<path d="M13.500 9.500A6 6 0 1 1 6.500 2.500a5 5 0 0 0 7 7z"/>`,
	"auto":     `<circle cx="8" cy="8" r="6"/><path class="f" d="M8 2a6 6 0 0 1 0 12z"/>`,
	"copy":     `<rect x="5.500" y="5.500" width="8" height="8" rx="1.500"/><path d="M10.500 5.500v-2a1 1 0 0 0-1-1h-6a1 1 0 0 0-1 1v6a1 1 0 0 0 1 1h2"/>`,
	"down":     `<path d="m4 6 4 4 4-4"/>`,
	"download": `<path d="M8 2v8M4.500 7 8 10.500 11.500 7M2.500 13.500h11"/>`,
	"info":     `<circle cx="8" cy="8" r="6"/><path d="M8 7.500V11"/><circle class="f" cx="8" cy="5" r=".9"/>`,
	"signout":  `<path d="M6 2.500H3.500a1 1 0 0 0-1 1v9a1 1 0 0 0 1 1H6M10 11l3-3-3-3M13 8H6"/>`,
	"muted":    `<path d="M2 2l12 12M6.500 4.200A6 6 0 0 1 14 8a9 9 0 0 1-1.500 2M10 11.600A6.500 6.500 0 0 1 2 8a9 9 0 0 1 2.500-3"/>`,
	"flame":    `<path d="M8 1.500c.5 2.500 4.500 4 4.500 8a4.500 4.500 0 0 1-9 0c0-1.500.7-2.700 1.700-3.500.1 1.200.6 2 1.300 2.300C6.200 6 6.500 3.500 8 1.500z"/>`,
	"key":      `<circle cx="5.500" cy="10.500" r="3"/><path d="m7.800 8.200 5.700-5.700M11 5l2 2"/>`,
	"link":     `<path d="M6.500 9.500a3 3 0 0 0 4.200 0l2.300-2.300a3 3 0 0 0-4.200-4.200l-1 1M9.500 6.500a3 3 0 0 0-4.200 0L3 8.800A3 3 0 0 0 7.200 13l1-1"/>`,
}

// icon draws one; a name that there is none of draws nothing.
func icon(name string) template.HTML {
	body, ok := icons[name]
	if !ok {
		return ""
	}
	class := "i"
	if name == "running" {
		class = "i spin"
	}
	return template.HTML(`<svg class="` + class + `" viewBox="0 0 16 16" aria-hidden="true">` + body + `</svg>`) //nolint:gosec // from the table above alone
}

// bars draws a severity as rising bars, as many as its rank says.
func bars(rank int) template.HTML {
	const low, high = 1, 4
	out := `<svg class="i" viewBox="0 0 16 16" aria-hidden="true">`
	for i, bar := range []string{`M2 14v-3h2v3z`, `M5.500 14V8.500h2V14z`, `M9 14V5.500h2V14z`, `M12.500 14v-12h2v12z`} {
		class := "f"
		if i >= min(max(rank-1, low-1), high) {
			class = "f off"
		}
		out += `<path class="` + class + `" d="` + bar + `"/>`
	}
	return template.HTML(out + `</svg>`) //nolint:gosec // constants alone
}
