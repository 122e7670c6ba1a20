package objects

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"syscall"

	"github.com/minio/minio-go/v7"

	"bulkhead/internal/bulk"
)

// describe names the operation and the key, and says what callers can act on.
func describe(op, key string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s object %s: %w", op, key, bulk.ErrNotFound)
	}
	if why := refused(err); why != nil {
		err = fmt.Errorf("%w (%w)", why, err)
	}
	return fmt.Errorf("%s object %s: %w", op, key, err)
}

// theObjects is what messages call a store.
const theObjects = "the object store"

// refused says why the machine or server takes no writes, nil where that is not the cause.
func refused(err error) *bulk.Error {
	switch {
	case errors.Is(err, syscall.ENOSPC), slices.Contains(fullCodes, code(err)), minio.ToErrorResponse(err).StatusCode == http.StatusInsufficientStorage:
		return bulk.DiskFull(theObjects)
	case errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG), errors.Is(err, syscall.EIO):
		return bulk.DiskFailing(theObjects)
	case errors.Is(err, syscall.EROFS):
		return bulk.ReadOnly(theObjects)
	}
	return nil
}

// fullCodes is how servers say that they, or the bucket, have no room.
var fullCodes = []string{"XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "InsufficientStorage", "QuotaExceeded", "StorageFull"}
