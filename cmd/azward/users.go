package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/azward/azward/access"
	"github.com/azward/azward/hub"
	"github.com/azward/azward/report"
)

func usersCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "users", Short: "See who may use the hub, and let in who is locked out",
		Long: "See who may use the hub, and let in who is locked out. Whoever can write the\ndata directory may; everything else about users is done in the hub.",
	}
	public := "http://localhost" + hub.DefaultListen[len("127.0.0.1"):]
	link := &cobra.Command{
		Use: "link NAME", Short: "Print a one-time link at which a local user sets a new password or passkey", Args: cobra.ExactArgs(1),
		Example: "  azward users link root --public-url https://azward.example.com",
		RunE:    func(cmd *cobra.Command, args []string) error { return a.userLink(cmd.Context(), args[0], public) },
	}
	link.Flags().StringVar(&public, "public-url", public, "how browsers reach the hub")
	c.AddCommand(link, &cobra.Command{
		Use: "list", Short: "List users with their roles", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.userList(cmd.Context()) },
	})
	return c
}

func (a *app) userLink(ctx context.Context, name, public string) error {
	kept, err := a.store(ctx)
	if err != nil {
		return err
	}
	control, err := access.New(access.Options{Store: kept, PublicURL: public})
	if err != nil {
		return err
	}
	link, err := control.Recover(ctx, name)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.stdout, link)
	return err
}

// localUser is the shell's: whoever reads the data directory reads its users.
func localUser(ctx context.Context) context.Context {
	return access.With(ctx, access.Identity{Role: access.Admin})
}

func (a *app) userList(ctx context.Context) error {
	if err := a.only("table", "json"); err != nil {
		return err
	}
	kept, err := a.store(ctx)
	if err != nil {
		return err
	}
	control, err := access.New(access.Options{Store: kept, PublicURL: "http://localhost"})
	if err != nil {
		return err
	}
	users, err := control.Users(localUser(ctx))
	if err != nil {
		return err
	}
	return a.write(func(w io.Writer) error {
		if a.output == "json" {
			return report.JSON(w, users)
		}
		for _, u := range users {
			state, by := "", "local"
			if u.Disabled {
				state = "disabled"
			}
			if u.Issuer != "" {
				by = u.Issuer
			}
			if _, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", u.Name, u.Role, by, state); err != nil {
				return err
			}
		}
		return nil
	})
}
