package kubeapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"
)

// Tables are what kubectl get prints; the server makes the cells.
// https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables

type tableColumn struct {
	Name        string `json:"name"`
	Type        string `json:"type"`
	Format      string `json:"format"`
	Description string `json:"description"`
	Priority    int    `json:"priority"`
}

type tableRow struct {
	Cells  []any           `json:"cells"`
	Object json.RawMessage `json:"object,omitempty"`
}

// columns between Name and Age, each with the function that makes its cell.
type cell struct {
	name string
	make func(v view) any
}

var cells = map[string][]cell{
	"Pod": {{"Ready", podReady}, {"Status", func(v view) any { return v.text("status", "phase") }}, {"Restarts", podRestarts}},
	"Deployment": {
		{"Ready", func(v view) any {
			return fmt.Sprintf("%d/%d", v.number("status", "readyReplicas"), v.number("spec", "replicas"))
		}},
		{"Up-to-date", func(v view) any { return v.number("status", "updatedReplicas") }},
		{"Available", func(v view) any { return v.number("status", "availableReplicas") }},
	},
	"ReplicaSet": {
		{"Desired", func(v view) any { return v.number("spec", "replicas") }},
		{"Current", func(v view) any { return v.number("status", "replicas") }},
		{"Ready", func(v view) any { return v.number("status", "readyReplicas") }},
	},
	"StatefulSet": {{"Ready", func(v view) any {
		return fmt.Sprintf("%d/%d", v.number("status", "readyReplicas"), v.number("spec", "replicas"))
	}}},
	"DaemonSet": {
		{"Desired", func(v view) any { return v.number("status", "desiredNumberScheduled") }},
		{"Ready", func(v view) any { return v.number("status", "numberReady") }},
	},
	"Service": {
		{"Type", func(v view) any { return v.or("ClusterIP", "spec", "type") }},
		{"Cluster-IP", func(v view) any { return v.or("<none>", "spec", "clusterIP") }},
		{"External-IP", serviceAddress},
		{"Port(s)", servicePorts},
	},
	"NetworkPolicy": {{"Pod-Selector", podSelector}},
	"Namespace":     {{"Status", func(v view) any { return v.or("Active", "status", "phase") }}},
	"Node":          {{"Status", nodeReady}, {"Version", func(v view) any { return v.or("<unknown>", "status", "nodeInfo", "kubeletVersion") }}},
	"Ingress":       {{"Class", func(v view) any { return v.or("<none>", "spec", "ingressClassName") }}},
	"CronJob":       {{"Schedule", func(v view) any { return v.text("spec", "schedule") }}},
}

func (s *server) table(r *resource, items []*object, meta listMeta, include string) map[string]any {
	columns := []tableColumn{{Name: "Name", Type: "string", Format: "name", Description: "Name must be unique within a namespace."}}
	for _, c := range cells[r.kind] {
		columns = append(columns, tableColumn{Name: c.name, Type: "string"})
	}
	columns = append(columns, tableColumn{Name: "Age", Type: "string"})
	rows := make([]tableRow, len(items))
	for i, o := range items {
		v := o.view()
		row := tableRow{Cells: []any{o.name}}
		for _, c := range cells[r.kind] {
			row.Cells = append(row.Cells, c.make(v))
		}
		row.Cells = append(row.Cells, age(o.created, s.o.Now()))
		switch include {
		case "None":
		case "Object":
			row.Object = o.write(r, true)
		default:
			row.Object = json.RawMessage(`{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":` + string(o.body["metadata"]) + `}`)
		}
		rows[i] = row
	}
	return map[string]any{"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": meta, "columnDefinitions": columns, "rows": rows}
}

// age as Kubernetes words it: 5d, 3h, 12m, 40s.
func age(created string, now time.Time) string {
	t, err := time.Parse(time.RFC3339, created)
	if err != nil {
		return "<unknown>"
	}
	return duration.HumanDuration(max(now.Sub(t), 0))
}

// view reads single values out of an object.
type view struct{ v any }

func (o *object) view() view {
	all := map[string]any{}
	for k, raw := range o.body {
		var v any
		if json.Unmarshal(raw, &v) == nil {
			all[k] = v
		}
	}
	return view{all}
}

func (v view) at(path ...string) any {
	x := v.v
	for _, p := range path {
		m, ok := x.(map[string]any)
		if !ok {
			return nil
		}
		x = m[p]
	}
	return x
}

func (v view) text(path ...string) string {
	s, _ := v.at(path...).(string)
	return s
}

func (v view) or(otherwise string, path ...string) string {
	if s := v.text(path...); s != "" {
		return s
	}
	return otherwise
}

func (v view) number(path ...string) int64 {
	f, _ := v.at(path...).(float64)
	return int64(f)
}

func (v view) list(path ...string) []view {
	items, _ := v.at(path...).([]any)
	out := make([]view, len(items))
	for i, it := range items {
		out[i] = view{it}
	}
	return out
}

func podReady(v view) any {
	ready := 0
	for _, c := range v.list("status", "containerStatuses") {
		if c.at("ready") == true {
			ready++
		}
	}
	return fmt.Sprintf("%d/%d", ready, len(v.list("spec", "containers")))
}

func podRestarts(v view) any {
	n := int64(0)
	for _, c := range v.list("status", "containerStatuses") {
		n += c.number("restartCount")
	}
	return n
}

func serviceAddress(v view) any {
	var all []string
	for _, in := range v.list("status", "loadBalancer", "ingress") {
		all = append(all, in.or(in.text("hostname"), "ip"))
	}
	if len(all) == 0 {
		return "<none>"
	}
	return strings.Join(all, ",")
}

func servicePorts(v view) any {
	var all []string
	for _, p := range v.list("spec", "ports") {
		s := strconv.FormatInt(p.number("port"), 10)
		if n := p.number("nodePort"); n != 0 {
			s += ":" + strconv.FormatInt(n, 10)
		}
		all = append(all, s+"/"+p.or("TCP", "protocol"))
	}
	if len(all) == 0 {
		return "<none>"
	}
	return strings.Join(all, ",")
}

func podSelector(v view) any {
	m, _ := v.at("spec", "podSelector", "matchLabels").(map[string]any)
	var all []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		all = append(all, fmt.Sprintf("%s=%v", k, m[k]))
	}
	if len(all) == 0 {
		return "<none>"
	}
	return strings.Join(all, ",")
}

func nodeReady(v view) any {
	for _, c := range v.list("status", "conditions") {
		if c.text("type") == "Ready" && c.text("status") == "True" {
			return "Ready"
		}
	}
	return "Unknown"
}
