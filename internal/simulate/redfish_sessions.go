package simulate

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What locks the account, and for how long in simulated time.
const (
	lockoutAfter = 5
	lockoutTime  = 20 * time.Minute
)

const redfishSessionsPath = redfishRoot + "/SessionService/Sessions"

type redfishSession struct {
	id, token string
	used      time.Time
}

// authorised checks a request's session token or basic credentials.
func (b *BMC) authorised(r *http.Request) bool {
	if !b.site.Rule(RedfishAuthentication) {
		return true
	}
	if token := r.Header.Get("X-Auth-Token"); token != "" {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.expire()
		i := slices.IndexFunc(b.sessions, func(s *redfishSession) bool { return s.token == token })
		if i < 0 {
			return false
		}
		b.sessions[i].used = time.Now()
		return true
	}
	user, password, ok := r.BasicAuth()
	return ok && b.admits(user, password)
}

// admits checks a user's password, and counts wrong ones.
func (b *BMC) admits(user, password string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.site.Rule(RedfishLockout) && time.Now().Before(b.lockedTo) {
		return false
	}
	if user == b.opts.Username && password == b.opts.Password {
		b.wrong = 0
		return true
	}
	if b.wrong++; b.wrong >= lockoutAfter {
		b.wrong = 0
		b.lockedTo = time.Now().Add(b.site.Delay(lockoutTime))
	}
	return false
}

// expire drops sessions that were not used for too long. The caller holds b.mu.
func (b *BMC) expire() {
	if !b.site.Rule(RedfishSessionTimeout) {
		return
	}
	oldest := time.Now().Add(-b.site.Delay(b.opts.SessionTimeout))
	b.sessions = slices.DeleteFunc(b.sessions, func(s *redfishSession) bool { return s.used.Before(oldest) })
}

// login makes a session of a user name and a password.
func (b *BMC) login(body doc) redfishReply {
	user, _ := body["UserName"].(string)
	password, _ := body["Password"].(string)
	if !b.admits(user, password) {
		return redfishFailure(http.StatusUnauthorized, redfishMessage("ResourceAtUriUnauthorized", "User name or password is wrong, or the account is locked."))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expire()
	if len(b.sessions) >= b.opts.Sessions && b.site.Rule(RedfishSessionLimit) {
		id := "SessionLimitExceeded"
		if b.dell() {
			id = "IDRAC.2.8.RAC0218"
		}
		return redfishFailure(http.StatusServiceUnavailable, redfishMessage(id, fmt.Sprintf("The maximum number of user sessions, %d, is reached.", b.opts.Sessions)))
	}
	b.logins++
	s := &redfishSession{id: strconv.Itoa(b.logins), token: rand.Text(), used: time.Now()}
	b.sessions = append(b.sessions, s)
	return redfishReply{
		status: http.StatusCreated,
		header: map[string]string{"X-Auth-Token": s.token, "Location": redfishSessionsPath + "/" + s.id},
		body:   b.sessionDoc(s.id),
	}
}

// redfishSession is the resource of one session, while there is such a session.
func (b *BMC) session(path string) (redfishResource, bool) {
	id := strings.TrimPrefix(path, redfishSessionsPath+"/")
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expire()
	if !slices.ContainsFunc(b.sessions, func(s *redfishSession) bool { return s.id == id }) {
		return redfishResource{}, false
	}
	return redfishResource{
		get: func() doc { return b.sessionDoc(id) },
		delete: func() redfishReply {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.sessions = slices.DeleteFunc(b.sessions, func(s *redfishSession) bool { return s.id == id })
			return redfishReply{status: http.StatusNoContent}
		},
	}, true
}

func (b *BMC) sessionDoc(id string) doc {
	return redfishEntity(redfishSessionsPath+"/"+id, "Session.v1_6_0.Session", "User Session", doc{"UserName": b.opts.Username})
}

func (b *BMC) sessionList() doc {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expire()
	var members []string
	for _, s := range b.sessions {
		members = append(members, redfishSessionsPath+"/"+s.id)
	}
	return redfishCollection(redfishSessionsPath, "Session", members...)
}

func (b *BMC) sessionService() doc {
	return redfishEntity(redfishRoot+"/SessionService", "SessionService.v1_1_9.SessionService", "Session Service", doc{
		"ServiceEnabled": true,
		"SessionTimeout": int(b.opts.SessionTimeout.Seconds()),
		"Sessions":       redfishLink(redfishSessionsPath),
	})
}

func (b *BMC) accountService() doc {
	return redfishEntity(redfishRoot+"/AccountService", "AccountService.v1_15_0.AccountService", "Account Service", doc{
		"ServiceEnabled":          true,
		"AccountLockoutThreshold": lockoutAfter,
		"AccountLockoutDuration":  int(lockoutTime.Seconds()),
		"Accounts":                redfishLink(redfishRoot + "/AccountService/Accounts"),
	})
}
