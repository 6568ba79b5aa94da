// Package token gives a Temporal client a token that is asked for anew before it ends.
package token

import (
	"context"

	"go.temporal.io/sdk/client"
	"golang.org/x/oauth2/clientcredentials"
)

// Dial connects with tokens got by the account's key. The SDK asks for the token with every call; the library keeps it and fetches the next.
func Dial(endpoint, account, key, address, namespace string) (client.Client, error) {
	tokens := (&clientcredentials.Config{TokenURL: endpoint, ClientID: account, ClientSecret: key}).TokenSource(context.Background())
	return client.Dial(client.Options{HostPort: address, Namespace: namespace, Credentials: client.NewAPIKeyDynamicCredentials(func(context.Context) (string, error) {
		token, err := tokens.Token()
		if err != nil {
			return "", err
		}
		return token.AccessToken, nil
	})})
}
