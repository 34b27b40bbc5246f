package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"millwright.dev/millwright/internal/kubernetes"
)

// leaseName is the Lease that an agent, or an apply, holds while it acts.
const leaseName = "millwright"

// await is lease for an agent, which stands by while another holds it: two agents are one that works
// and one that takes over.
func (l *live) await(ctx context.Context, log *slog.Logger) (context.Context, func(), error) {
	for {
		leased, release, err := l.lease(ctx)
		var held *kubernetes.HeldError
		if !errors.As(err, &held) {
			return leased, release, err
		}
		log.Info("standing by: another holds the lease", "holder", held.Holder)
		select {
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-time.After(l.lasts / 4):
		}
	}
}

// lease makes sure that no other agent or apply acts; the context ends if it is lost.
func (l *live) lease(ctx context.Context) (context.Context, func(), error) {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: l.namespace}}
	_, err := l.client.Namespaces().Create(ctx, namespace, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return nil, nil, fmt.Errorf("make namespace %s, which Millwright keeps its memory in: %w", l.namespace, err)
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown-host"
	}
	lost, release, err := kubernetes.AcquireLease(ctx, l.cluster, l.namespace, leaseName, fmt.Sprintf("%s-%d", host, os.Getpid()), l.lasts)
	if err != nil {
		return nil, nil, err
	}
	leased, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-lost:
			cancel(errors.New("the lease was lost: somebody else may act now"))
		case <-leased.Done():
		}
	}()
	return leased, func() { cancel(nil); release() }, nil
}
