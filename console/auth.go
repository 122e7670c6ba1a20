package console

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"bulkhead/internal/bulk"
)

// sessionCookie holds a browser session's token.
const sessionCookie = "bulkhead_session"

type principalKey struct{}

// PrincipalFrom returns who the request behind ctx comes from.
func PrincipalFrom(ctx context.Context) (bulk.Principal, bool) {
	p, ok := ctx.Value(principalKey{}).(bulk.Principal)
	return p, ok
}

// principal returns who the request comes from; the zero value on public routes.
func (s *Server) principal(r *http.Request) bulk.Principal {
	p, _ := PrincipalFrom(r.Context())
	return p
}

// authorized runs h for who may call a route, for as long as their credential is
// accepted, see watch.
func (s *Server) authorized(w http.ResponseWriter, r *http.Request, a access, h handler) error {
	if a == public {
		return h(w, r)
	}
	c, err := credentialOf(r)
	if err != nil {
		return err
	}
	found, err := s.Accounts.Principals(r.Context(), []bulk.Credential{c})
	if err != nil {
		return fmt.Errorf("authenticate: %w", err)
	}
	p, ok := found[c]
	if !ok {
		return notAccepted(c)
	}
	if a == operator && !p.Operator {
		return errOperatorsOnly
	}
	infoOf(r).account = p.Account
	admitted, r, leave := s.watch.enter(w, r.WithContext(context.WithValue(r.Context(), principalKey{}, p)), admission{c, p, a})
	defer leave() // after a panic as well
	err = h(admitted, r)
	leave()
	if why := endedBy(r.Context()); why != nil {
		infoOf(r).cut = why
		return admitted.instead(why)
	}
	return err
}

var errOperatorsOnly = bulk.Errorf(bulk.KindForbidden, "operators_only", "Only operators may do this; use an operator's API key.")

func notAccepted(c bulk.Credential) error {
	if c.Session {
		return bulk.Errorf(bulk.KindUnauthorized, "unauthorized", "This session has ended. Sign in again.")
	}
	return bulk.Errorf(bulk.KindUnauthorized, "unauthorized", "This API key is not known, or it was revoked. Check it, or ask for a new one.")
}

// credentialOf returns the request's API key or, without one, its session.
func credentialOf(r *http.Request) (c bulk.Credential, err error) {
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, secret, _ := strings.Cut(header, " ")
		secret = strings.TrimSpace(secret)
		if !strings.EqualFold(scheme, "Bearer") || !bulk.ValidSecret(secret) {
			return c, bulk.Errorf(bulk.KindUnauthorized, "bad_api_key", "This is not a whole API key: one begins with bhk_ and is sent as Authorization: Bearer bhk_…. Check it, or ask for a new one.")
		}
		return bulk.Credential{Hash: bulk.HashSecret(secret)}, nil
	}
	cookie, err := r.Cookie(sessionCookie)
	if err != nil || cookie.Value == "" {
		return c, bulk.Errorf(bulk.KindUnauthorized, "no_credential", "Send an API key as Authorization: Bearer bhk_…, or sign in.")
	}
	return bulk.Credential{Hash: bulk.HashSecret(cookie.Value), Session: true}, nil
}

// requirePage makes a page's handler that lets in whom a allows and sends who is not
// signed in to /login, from where they come back.
func (s *Server) requirePage(a access, h handler) http.Handler {
	h = s.holding(smallAnswer, h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		let := false
		err := s.authorized(w, r, a, func(w http.ResponseWriter, r *http.Request) error {
			let = true
			return h(w, r)
		})
		switch {
		case err == nil:
		case !let && bulk.KindOf(err) == bulk.KindUnauthorized:
			http.Redirect(w, r, loginURL(r), http.StatusSeeOther)
		default:
			s.fail(w, r, err)
		}
	})
}

// recognised adds who the request comes from where nothing asked for it, as far as that
// can be told.
func (s *Server) recognised(r *http.Request) *http.Request {
	c, err := credentialOf(r)
	if err != nil || s.principal(r).Account != "" {
		return r
	}
	found, err := s.Accounts.Principals(r.Context(), []bulk.Credential{c})
	if p, ok := found[c]; err == nil && ok {
		return r.WithContext(context.WithValue(r.Context(), principalKey{}, p))
	}
	return r
}

// followed reports whether a person follows a link, rather than a script or a program asks.
func followed(r *http.Request) bool {
	return r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Authorization") == ""
}

func loginURL(r *http.Request) string {
	if path := pagePath(r); path != "/" {
		return "/login?" + url.Values{"next": {path}}.Encode()
	}
	return "/login"
}

// pagePath is the page that the request shows, or the one whose form it sends.
func pagePath(r *http.Request) string {
	if r.Method == http.MethodGet {
		return r.URL.RequestURI()
	}
	from, err := url.Parse(r.Referer())
	if err != nil || from.Host != r.Host {
		return "/"
	}
	return nextPath(from.RequestURI())
}

// nextPath returns where to go after signing in: the page that asked for it, or the
// start page when next is not a path of ours.
func nextPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(next, "/") || strings.ContainsAny(next, "\\\r\n\t") || strings.HasPrefix(next, "//") {
		return "/"
	}
	return next
}

// signInWithLink spends a one-time login link and sets the session cookie.
func (s *Server) signInWithLink(w http.ResponseWriter, r *http.Request, link string) error {
	token := bulk.NewToken()
	if err := s.Accounts.RedeemLogin(r.Context(), bulk.HashSecret(link), bulk.HashSecret(token), s.SessionLife); err != nil {
		return err
	}
	s.setSession(w, token, s.SessionLife)
	return nil
}

// signInWithKey opens a session for the holder of an API key and sets its cookie.
func (s *Server) signInWithKey(w http.ResponseWriter, r *http.Request, secret string) error {
	if secret = strings.TrimSpace(secret); !bulk.ValidSecret(secret) {
		return bulk.Errorf(bulk.KindUnauthorized, "bad_api_key", "This is not an API key; one begins with bhk_.")
	}
	token := bulk.NewToken()
	if err := s.Accounts.OpenSession(r.Context(), bulk.HashSecret(secret), bulk.HashSecret(token), s.SessionLife); err != nil {
		return err
	}
	s.setSession(w, token, s.SessionLife)
	return nil
}

// signOut ends the browser's session, here and at the server.
func (s *Server) signOut(w http.ResponseWriter, r *http.Request) error {
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		if err := s.Accounts.CloseSession(r.Context(), bulk.HashSecret(cookie.Value)); err != nil {
			return err
		}
	}
	s.setSession(w, "", -time.Second)
	return nil
}

// setSession has the browser keep a session for its life, told as a duration because
// clocks differ; a negative one deletes it.
func (s *Server) setSession(w http.ResponseWriter, token string, life time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: token, Path: "/", MaxAge: int(life.Seconds()),
		HttpOnly: true, Secure: s.SecureCookies, SameSite: http.SameSiteLaxMode,
	})
}
