package connect

import (
	"context"

	"github.com/azward/azward/azure"
	"github.com/azward/azward/store"
)

// Examine lets the doctor look at a kept connection: [Diagnose] with its
// credential. An error means that nobody was asked.
func (c Connections) Examine(ctx context.Context, name string) ([]Check, error) {
	return c.through(ctx, name, Diagnose)
}

// Try checks only whether a kept connection signs in and sees a subscription.
func (c Connections) Try(ctx context.Context, name string) ([]Check, error) {
	return c.through(ctx, name, SignIn)
}

func (c Connections) through(ctx context.Context, name string, ask func(context.Context, Azure, Patient) []Check) ([]Check, error) {
	connection, client, err := c.open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return ask(ctx, Through(client), PatientOf(connection)), nil
}

func (c Connections) open(ctx context.Context, name string) (store.Connection, *azure.Client, error) {
	connection, secret, err := c.Credential(ctx, name)
	if err != nil {
		return connection, nil, err
	}
	client, err := Open(connection, secret)
	return connection, client, err
}

// SignIn asks Azure only whether the patient signs in and sees a subscription.
func SignIn(ctx context.Context, azure Azure, patient Patient) []Check {
	d := doctor{azure: azure, patient: patient}
	if list, ok := d.signIn(ctx); ok {
		d.visible(ctx, list)
	}
	return d.checks
}
