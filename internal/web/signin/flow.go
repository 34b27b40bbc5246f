package signin

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"millwright.dev/millwright/internal/web"
)

// visit is one attempt to sign in, which the browser keeps until it comes back.
type visit struct {
	State    string    `json:"state"`
	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"`
	To       string    `json:"to"`
	Expires  time.Time `json:"expires"`
}

// visitTime is how long somebody may take at the provider.
const visitTime = 10 * time.Minute

// Begin implements [web.Login].
func (a *Access) Begin(w http.ResponseWriter, r *http.Request, to string) error {
	ctx, cancel := a.bounded(r)
	defer cancel()
	p, err := a.provider.get(ctx, a.Issuer, a.Now())
	if err != nil {
		return fmt.Errorf("ask the provider %s what it is: %w", a.Issuer, err)
	}
	now := a.Now()
	v := visit{State: token(), Nonce: token(), Verifier: oauth2.GenerateVerifier(), To: to, Expires: now.Add(visitTime)}
	if err := a.seal.put(w, visitCookie, v, v.Expires, now); err != nil { // the path is too long to be kept
		v.To = "/"
		if err := a.seal.put(w, visitCookie, v, v.Expires, now); err != nil {
			return err
		}
	}
	at := a.config(p, "").AuthCodeURL(v.State, oidc.Nonce(v.Nonce), oauth2.S256ChallengeOption(v.Verifier))
	http.Redirect(w, r, at, http.StatusSeeOther)
	return nil
}

func (a *Access) config(p *oidc.Provider, secret string) *oauth2.Config {
	return &oauth2.Config{
		ClientID: a.ClientID, ClientSecret: secret, Endpoint: p.Endpoint(), RedirectURL: a.Public + web.SignInBack,
		Scopes: append([]string{oidc.ScopeOpenID}, a.Scopes...),
	}
}

func refuse(because error, format string, args ...any) error {
	return &web.Refusal{Says: fmt.Sprintf(format, args...), Because: because}
}

// Finish implements [web.Login]. Whatever is wrong, nobody is signed in, and the attempt cannot be used again.
func (a *Access) Finish(w http.ResponseWriter, r *http.Request, s *web.Store) (to string, err error) {
	drop(w, visitCookie)
	now, query := a.Now(), r.URL.Query()
	var v visit
	switch {
	case !a.seal.open(r, visitCookie, &v):
		return "", refuse(nil, "this browser has not begun to sign in here, or keeps no cookies")
	case !now.Before(v.Expires):
		return "", refuse(nil, "signing in took longer than %s; begin again", visitTime)
	case subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(v.State)) != 1:
		return "", refuse(errors.New("the state is another"), "the provider's answer is not to the question that this browser asked last; begin again")
	case query.Has("iss") && query.Get("iss") != a.Issuer: // RFC 9207
		return "", refuse(fmt.Errorf("the answer names %q", query.Get("iss")), "the answer is another provider's")
	case query.Get("error") != "":
		return "", refuse(fmt.Errorf("the provider says %q: %q", query.Get("error"), query.Get("error_description")), "the provider did not sign you in")
	}
	ctx, cancel := a.bounded(r)
	defer cancel()
	who, err := a.redeem(ctx, v, query.Get("code"))
	if err != nil {
		return "", err
	}
	if who.Groups = a.counting(who.Groups, s); len(who.Groups) == 0 {
		return "", refuse(fmt.Errorf("%s is in no group that counts", who.Name), "you are known as %s, and %s", who.Name, web.ErrNoGroup)
	}
	who.ID, who.Expires = token(), now.Add(a.Session)
	if err := a.seal.put(w, sessionCookie, who, who.Expires, now); err != nil {
		return "", refuse(err, "you are in so many groups of this fleet that no cookie holds them")
	}
	return v.To, nil
}

// redeem turns a code into who somebody is.
func (a *Access) redeem(ctx context.Context, v visit, code string) (session, error) {
	p, err := a.provider.get(ctx, a.Issuer, a.Now())
	if err != nil {
		return session{}, fmt.Errorf("ask the provider %s what it is: %w", a.Issuer, err)
	}
	secret, err := a.Secret()
	if err != nil {
		return session{}, err
	}
	tokens, err := a.config(p, secret).Exchange(ctx, code, oauth2.VerifierOption(v.Verifier))
	if refused := (*oauth2.RetrieveError)(nil); errors.As(err, &refused) {
		return session{}, refuse(fmt.Errorf("exchange the code: %s %s", refused.Response.Status, refused.ErrorCode), "the provider does not stand by its answer; begin again")
	} else if err != nil {
		return session{}, fmt.Errorf("exchange the code at the provider %s: %w", a.Issuer, err)
	}
	raw, _ := tokens.Extra("id_token").(string)
	id, err := p.VerifierContext(withClient(context.WithoutCancel(ctx)), &oidc.Config{ClientID: a.ClientID, Now: a.Now}).Verify(ctx, raw)
	if err == nil {
		err = a.fits(id, v, tokens)
	}
	if err != nil {
		return session{}, refuse(fmt.Errorf("verify the ID token: %w", err), "what the provider says of you does not hold")
	}
	return a.person(ctx, p, id, tokens)
}

// fits checks of a token whose signature, issuer, audience and time are right that it is the answer to this visit.
func (a *Access) fits(id *oidc.IDToken, v visit, tokens *oauth2.Token) error {
	var party struct {
		AZP string `json:"azp"`
	}
	if err := id.Claims(&party); err != nil {
		return err
	}
	switch {
	case subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(v.Nonce)) != 1:
		return errors.New("its nonce is another")
	case party.AZP != "" && party.AZP != a.ClientID, len(id.Audience) > 1 && party.AZP == "":
		return fmt.Errorf("it was made out to %q", party.AZP)
	case id.Subject == "":
		return errors.New("it names nobody")
	case id.AccessTokenHash != "":
		return id.VerifyAccessToken(tokens.AccessToken)
	}
	return nil
}

// person is who somebody is. Groups that stand in no ID token are asked for.
func (a *Access) person(ctx context.Context, p *oidc.Provider, id *oidc.IDToken, tokens *oauth2.Token) (session, error) {
	claims := map[string]any{}
	if err := id.Claims(&claims); err != nil {
		return session{}, refuse(err, "what the provider says of you cannot be read")
	}
	if _, told := claims[a.GroupsClaim]; !told && p.UserInfoEndpoint() != "" {
		info, err := p.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
		if err != nil {
			return session{}, fmt.Errorf("ask the provider %s for the groups of somebody: %w", a.Issuer, err)
		}
		if info.Subject != id.Subject {
			return session{}, refuse(errors.New("the provider tells of another subject than that of the ID token"), "what the provider says of you does not hold")
		}
		if err := info.Claims(&claims); err != nil {
			return session{}, refuse(err, "what the provider says of you cannot be read")
		}
	}
	who := session{Name: id.Subject, Groups: words(claims[a.GroupsClaim])}
	for _, claim := range []string{"preferred_username", "email"} {
		if name, _ := claims[claim].(string); name != "" {
			who.Name = strings.ToValidUTF8(name[:min(len(name), 200)], "")
			break
		}
	}
	return who, nil
}

// words are the texts of a claim: one, or a list of some. An empty one names nothing.
func words(claim any) []string {
	list, ok := claim.([]any)
	if !ok {
		list = []any{claim}
	}
	var all []string
	for _, v := range list {
		if text, ok := v.(string); ok && text != "" {
			all = append(all, text)
		}
	}
	return slices.Clip(all)
}
