// Command oras-helper drives a registry the way tools built on oras-go do:
// it pushes an artifact, pushes a second one that has it as subject, lists the
// referrers and pulls everything back. It exits 0 only if all of it agrees.
//
//	oras-helper HOST:PORT/REPOSITORY
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/content/memory"
	"oras.land/oras-go/v2/registry/remote"
)

const (
	artifactType = "application/vnd.example.thing"
	sbomType     = "application/vnd.example.sbom"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: oras-helper HOST:PORT/REPOSITORY")
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := run(ctx, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "oras-helper:", err)
		os.Exit(1)
	}
	fmt.Println("ok")
}

func run(ctx context.Context, name string) error {
	repository, err := remote.NewRepository(name)
	if err != nil {
		return err
	}
	repository.PlainHTTP = true
	// Only the referrers API: falling back to the tag schema would hide its absence.
	if err := repository.SetReferrersCapability(true); err != nil {
		return err
	}

	thing := []byte("a thing that is not an image")
	subject, err := push(ctx, repository, "1", artifactType, thing, nil)
	if err != nil {
		return fmt.Errorf("push artifact: %w", err)
	}
	sbom := []byte(`{"sbom": 1}`)
	referrer, err := push(ctx, repository, "", sbomType, sbom, &subject)
	if err != nil {
		return fmt.Errorf("push artifact with subject: %w", err)
	}
	if err := expectReferrer(ctx, repository, subject, referrer); err != nil {
		return err
	}
	if err := pull(ctx, repository, "1", subject, thing); err != nil {
		return fmt.Errorf("pull artifact: %w", err)
	}
	if err := pull(ctx, repository, referrer.Digest.String(), referrer, sbom); err != nil {
		return fmt.Errorf("pull referrer: %w", err)
	}
	return expectTags(ctx, repository, []string{"1"})
}

// push stores one blob and a manifest over it, under a tag unless tag is empty.
func push(ctx context.Context, repository *remote.Repository, tag, kind string, data []byte, subject *v1.Descriptor) (v1.Descriptor, error) {
	local := memory.New()
	layer := content.NewDescriptorFromBytes("application/octet-stream", data)
	if err := local.Push(ctx, layer, bytes.NewReader(data)); err != nil {
		return v1.Descriptor{}, err
	}
	manifest, err := oras.PackManifest(ctx, local, oras.PackManifestVersion1_1, kind, oras.PackManifestOptions{
		Layers:  []v1.Descriptor{layer},
		Subject: subject,
	})
	if err != nil {
		return v1.Descriptor{}, err
	}
	if tag == "" {
		return manifest, oras.CopyGraph(ctx, local, repository, manifest, oras.DefaultCopyGraphOptions)
	}
	if err := local.Tag(ctx, manifest, tag); err != nil {
		return v1.Descriptor{}, err
	}
	_, err = oras.Copy(ctx, local, tag, repository, tag, oras.DefaultCopyOptions)
	return manifest, err
}

func expectReferrer(ctx context.Context, repository *remote.Repository, subject, want v1.Descriptor) error {
	for _, filter := range []string{"", sbomType} {
		var found []v1.Descriptor
		err := repository.Referrers(ctx, subject, filter, func(page []v1.Descriptor) error {
			found = append(found, page...)
			return nil
		})
		if err != nil {
			return fmt.Errorf("list referrers: %w", err)
		}
		if len(found) != 1 || found[0].Digest != want.Digest || found[0].ArtifactType != sbomType {
			return fmt.Errorf("referrers with filter %q are %v, want only %v", filter, found, want)
		}
	}
	return repository.Referrers(ctx, subject, "application/vnd.example.other", func(page []v1.Descriptor) error {
		if len(page) != 0 {
			return errors.New("a filter on another type found something")
		}
		return nil
	})
}

// pull fetches a manifest and all below it into memory and compares its only blob.
func pull(ctx context.Context, repository *remote.Repository, reference string, want v1.Descriptor, data []byte) error {
	local := memory.New()
	got, err := oras.Copy(ctx, repository, reference, local, reference, oras.DefaultCopyOptions)
	if err != nil {
		return err
	}
	if got.Digest != want.Digest {
		return fmt.Errorf("%s is %s, want %s", reference, got.Digest, want.Digest)
	}
	pulled, err := content.FetchAll(ctx, local, content.NewDescriptorFromBytes("application/octet-stream", data))
	if err != nil {
		return err
	}
	if !bytes.Equal(pulled, data) {
		return errors.New("the blob came back different")
	}
	return nil
}

func expectTags(ctx context.Context, repository *remote.Repository, want []string) error {
	var tags []string
	err := repository.Tags(ctx, "", func(page []string) error {
		tags = append(tags, page...)
		return nil
	})
	if err != nil {
		return fmt.Errorf("list tags: %w", err)
	}
	if fmt.Sprint(tags) != fmt.Sprint(want) {
		return fmt.Errorf("tags are %v, want %v", tags, want)
	}
	return nil
}
