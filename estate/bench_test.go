package estate_test

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/azward/azward/estate"
)

// tenant writes an estate file of about so many resources as a tenant has
// them: for each machine a disk, an interface, a public address and a share of
// network, rules and balancers, with bodies of the size that ARM returns.
func tenant(resources int) []byte {
	var out bytes.Buffer
	n := 0
	arm := func(id, resourceType, properties string) {
		n++
		fmt.Fprintf(&out, `{"source":"arm","apiVersion":"2024-05-01","readAt":"2026-11-20T09:00:00Z","body":{"id":%q,"name":%q,"type":%q,"location":"westeurope","tags":{"environment":"production","costCentre":"4711"},"etag":"W/\"6f1c7e9a-1111-4d2e-9c1a-000000000000\"","properties":%s}}`+"\n",
			id, id[strings.LastIndexByte(id, '/')+1:], resourceType, properties)
	}
	pad := strings.Repeat(`{"name":"setting","value":"a value of ordinary length","enabled":true},`, 14)
	pad = "[" + strings.TrimSuffix(pad, ",") + "]"
	for i := 0; n < resources; i++ {
		base := fmt.Sprintf("/subscriptions/%08d-1111-1111-1111-111111111111/resourceGroups/rg-shop-%d/providers/", i/2000, i/20)
		vnet := fmt.Sprintf("%sMicrosoft.Network/virtualNetworks/vnet-%d", base, i/50)
		nic := fmt.Sprintf("%sMicrosoft.Network/networkInterfaces/nic-%d", base, i)
		if i%50 == 0 {
			arm(vnet, "Microsoft.Network/virtualNetworks", `{"addressSpace":{"addressPrefixes":["10.0.0.0/16"]},"settings":`+pad+`}`)
			arm(vnet+"/subnets/default", "Microsoft.Network/virtualNetworks/subnets", `{"addressPrefix":"10.0.0.0/24","networkSecurityGroup":{"id":"`+base+`Microsoft.Network/networkSecurityGroups/nsg"},"settings":`+pad+`}`)
			arm(base+"Microsoft.Network/networkSecurityGroups/nsg", "Microsoft.Network/networkSecurityGroups", `{"securityRules":`+pad+`}`)
		}
		arm(fmt.Sprintf("%sMicrosoft.Compute/virtualMachines/vm-%d", base, i), "Microsoft.Compute/virtualMachines",
			`{"networkProfile":{"networkInterfaces":[{"id":"`+nic+`"}]},"instanceView":{"statuses":[{"code":"PowerState/running"}]},"settings":`+pad+`}`)
		arm(fmt.Sprintf("%sMicrosoft.Compute/disks/disk-%d", base, i), "Microsoft.Compute/disks", `{"diskSizeGB":128,"settings":`+pad+`}`)
		arm(nic, "Microsoft.Network/networkInterfaces",
			fmt.Sprintf(`{"ipConfigurations":[{"id":%q,"properties":{"privateIPAddress":"10.0.%d.%d","subnet":{"id":%q},"publicIPAddress":{"id":"%sMicrosoft.Network/publicIPAddresses/pip-%d"}}}],"settings":%s}`, nic+"/ipConfigurations/ip", i/250%250, i%250, vnet+"/subnets/default", base, i, pad))
		arm(fmt.Sprintf("%sMicrosoft.Network/publicIPAddresses/pip-%d", base, i), "Microsoft.Network/publicIPAddresses",
			fmt.Sprintf(`{"ipAddress":"20.1.%d.%d","ipConfiguration":{"id":%q},"settings":%s}`, i/250%250, i%250, nic+"/ipConfigurations/ip", pad))
	}
	return out.Bytes()
}

// BenchmarkRead reads an estate file and builds every index. It reports what
// a resource costs beside its raw body.
func BenchmarkRead(b *testing.B) {
	for _, size := range []int{10_000, 100_000} {
		b.Run(fmt.Sprintf("resources=%d", size), func(b *testing.B) {
			file := tenant(size)
			resources, body, over := footprint(b, file)
			b.SetBytes(int64(len(file)))
			for b.Loop() {
				load(b, file)
			}
			b.ReportMetric(resources/(b.Elapsed().Seconds()/float64(b.N)), "resources/s")
			b.ReportMetric(body, "body-B/resource")
			b.ReportMetric(over, "over-B/resource")
		})
	}
}

// footprint returns the number of resources, and what each holds of memory:
// its raw body, and everything else.
func footprint(b *testing.B, file []byte) (resources, body, over float64) {
	b.Helper()
	before := heap()
	e := load(b, file)
	held := float64(heap()) - float64(before)
	resources = float64(e.Len())
	for r := range e.All() {
		body += float64(len(r.Body))
	}
	return resources, body / resources, (held - body) / resources
}

func load(b *testing.B, file []byte) *estate.Estate {
	b.Helper()
	var builder estate.Builder
	if err := estate.Read(bytes.NewReader(file), "bench", estate.ReadOptions{}, &builder); err != nil {
		b.Fatal(err)
	}
	e := builder.Build()
	e.Referrers("/subscriptions/none")
	e.Children("/subscriptions/none", "a/b/c")
	return e
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkDiff compares two estates that differ in one resource of a
// hundred.
func BenchmarkDiff(b *testing.B) {
	for _, size := range []int{10_000, 100_000} {
		b.Run(fmt.Sprintf("resources=%d", size), func(b *testing.B) {
			file := tenant(size)
			before := load(b, file)
			changed := bytes.ReplaceAll(file, []byte(`/disk-7`), []byte(`/disk-x7`))
			after := load(b, bytes.ReplaceAll(changed, []byte(`"diskSizeGB":128,"settings":[{"name":"setting"`), []byte(`"diskSizeGB":256,"settings":[{"name":"setting"`)))
			for b.Loop() {
				if estate.Diff(before, after).Empty() {
					b.Fatal("nothing changed")
				}
			}
			b.ReportMetric(float64(before.Len())/(b.Elapsed().Seconds()/float64(b.N)), "resources/s")
		})
	}
}

func BenchmarkWorkloads(b *testing.B) {
	e := load(b, tenant(10_000))
	b.Run("resources=10000", func(b *testing.B) {
		for b.Loop() {
			if len(e.Workloads()) == 0 {
				b.Fatal("no workloads")
			}
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	e := load(b, tenant(10_000))
	b.Run("resources=10000", func(b *testing.B) {
		var out bytes.Buffer
		for b.Loop() {
			out.Reset()
			if err := e.Write(&out); err != nil {
				b.Fatal(err)
			}
		}
		b.SetBytes(int64(out.Len()))
	})
}
