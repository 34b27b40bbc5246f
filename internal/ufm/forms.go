package ufm

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"millwright.dev/millwright/internal/state"
)

// DefaultPKey is the partition that every port is in, by which UFM manages the fabric. It is never
// written. Ports must be limited members of it, or it joins what partitions keep apart.
const DefaultPKey = 0x7fff

// The kinds of addresses, and what the part of a member begins with.
const (
	kindPartition = "pkey"
	partGUID      = "guid/"
)

// PKeyText is a partition key as we write it: "0x101".
func PKeyText(pkey int) string { return fmt.Sprintf("0x%x", pkey) }

// parsePKey reads a key of an answer. It has 15 bits; the one above says what kind of member a port is,
// and is no part of it. Text without 0x is decimal, as other clients of UFM take it.
func parsePKey(text string) (int, error) {
	digits, hex := strings.CutPrefix(strings.ToLower(text), "0x")
	base := 10
	if hex {
		base = 16
	}
	n, err := strconv.ParseUint(digits, base, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is no partition key", text)
	}
	return int(n) & DefaultPKey, nil
}

var pkeyName = regexp.MustCompile(`^0x[1-9a-f][0-9a-f]{0,3}$`)

// pkeyOf is the key that an address names, which must be one that can be anybody's.
func pkeyOf(id state.ID) (int, error) {
	if id.Kind != kindPartition || !pkeyName.MatchString(id.Name) {
		return 0, fmt.Errorf("there is no %s/%s in UFM: a partition is called like pkey/0x101", id.Kind, id.Name)
	}
	n, err := strconv.ParseUint(id.Name[2:], 16, 16)
	if err != nil || n > DefaultPKey {
		return 0, fmt.Errorf("%s is no partition key: they end at %s", id.Name, PKeyText(DefaultPKey))
	}
	return int(n), nil
}

// normalGUID is a GUID as addresses and requests have it: 16 hexadecimal digits or, of virtual ports, up to
// 20, in lower case, without 0x and colons.
func normalGUID(text string) string {
	return strings.ReplaceAll(strings.TrimPrefix(strings.ToLower(strings.TrimSpace(text)), "0x"), ":", "")
}

var guidText = regexp.MustCompile(`^[0-9a-f]{16,20}$`)

// guidOf is the GUID that a member's address names.
func guidOf(id state.ID) (string, error) {
	guid, ok := strings.CutPrefix(id.Part, partGUID)
	if !ok || !guidText.MatchString(guid) {
		return "", fmt.Errorf("a partition has no part %q: a member is called like %sb83fd20300aa0101", id.Part, partGUID)
	}
	return guid, nil
}
