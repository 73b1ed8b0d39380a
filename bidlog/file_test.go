package bidlog_test

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/bidlog"
)

func openLog(t *testing.T, path string, cfg bidlog.Config) *bidlog.Log {
	t.Helper()
	log, err := bidlog.Open(path, cfg)
	require.NoError(t, err)
	return log
}

func readAll(t *testing.T, paths ...string) string {
	t.Helper()
	r, err := bidlog.OpenFiles(paths...)
	require.NoError(t, err)
	data, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	return string(data)
}

func TestFilesRotate(t *testing.T) {
	t.Parallel()
	const maxBytes, maxFiles, calls = 1000, 4, 200
	for name, flushed := range map[string]bool{"one by one": true, "all at once": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "bids.jsonl")
			log := openLog(t, path, bidlog.Config{MaxBytes: maxBytes, MaxFiles: maxFiles})
			for i := 1; i <= calls; i++ {
				writeCalls(log, i, i+1)
				if flushed {
					require.NoError(t, log.Flush(t.Context()))
				}
			}
			require.NoError(t, log.Close())
			files, err := bidlog.Files(path)
			require.NoError(t, err)
			require.Equal(t, []string{path + ".3", path + ".2", path + ".1", path}, files)
			for _, file := range files {
				info, err := os.Stat(file)
				require.NoError(t, err)
				require.Equal(t, fs.FileMode(0o600), info.Mode())
				require.LessOrEqual(t, info.Size(), int64(maxBytes))
			}
			lines := strings.Split(strings.TrimSuffix(readAll(t, files...), "\n"), "\n")
			require.Greater(t, len(lines), 20)
			for i, line := range lines {
				require.Contains(t, line, `"attempts":`+strconv.Itoa(calls-len(lines)+1+i)+`,`)
			}
			stats := log.Stats()
			require.Equal(t, int64(calls), stats.Lines)
			require.Zero(t, stats.Dropped)
			require.Positive(t, stats.Rotations)
		})
	}
}

func TestALineLongerThanAFileHasOneOfItsOwn(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "bids.jsonl")
	log := openLog(t, path, bidlog.Config{MaxBytes: 10, MaxFiles: 100})
	writeCalls(log, 1, 6)
	require.NoError(t, log.Close())
	files, err := bidlog.Files(path)
	require.NoError(t, err)
	require.Len(t, files, 5)
	require.Equal(t, 5, replayed(t, readAll(t, files...)).Input.Calls)
}

func TestOneFileBeginsAnew(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "bids.jsonl")
	log := openLog(t, path, bidlog.Config{MaxBytes: 300, MaxFiles: 1})
	writeCalls(log, 1, 11)
	require.NoError(t, log.Close())
	files, err := bidlog.Files(path)
	require.NoError(t, err)
	require.Equal(t, []string{path}, files)
	require.Contains(t, readAll(t, path), `"attempts":10,`)
	require.NotContains(t, readAll(t, path), `"attempts":1,`)
}

func TestALogGoesOnAfterACrash(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "bids.jsonl")
	require.NoError(t, os.WriteFile(path, []byte(`{"v":1,"kind":"call"}`+"\n"+`{"v":1,"kind":"ca`), 0o600))
	require.Equal(t, 1, replayed(t, readAll(t, path)).Input.Torn)
	log := openLog(t, path, bidlog.Config{})
	writeCalls(log, 1, 3)
	require.NoError(t, log.Close())
	result := replayed(t, readAll(t, path))
	require.Equal(t, 3, result.Input.Calls)
	require.Equal(t, []bidlog.BadLine{{Line: 2, Message: "is not JSON: unexpected end, instead of a closing quote at offset 17"}}, result.Input.BadLines)
}

func TestATornFileDoesNotHarmTheNext(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
		return filepath.Join(dir, name)
	}
	line := `{"v":1,"kind":"call"}`
	result := replayed(t, readAll(t, write("a", line+"\n"+line[:7]), write("b", ""), write("c", line), write("d", line+"\n"+line[:3])))
	require.Equal(t, 3, result.Input.Calls)
	require.Equal(t, 1, result.Input.Bad)
	require.Equal(t, 1, result.Input.Torn)
}

func TestAFileThatIsMovedIsOpenedAgain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "bids.jsonl")
	log := openLog(t, path, bidlog.Config{})
	writeCalls(log, 1, 2)
	require.NoError(t, log.Flush(t.Context()))
	require.NoError(t, os.Rename(path, path+".moved"))
	writeCalls(log, 2, 3)
	require.NoError(t, log.Close())
	require.Contains(t, readAll(t, path+".moved"), `"attempts":1,`)
	require.Contains(t, readAll(t, path), `"attempts":2,`)
	require.NotContains(t, readAll(t, path), `"attempts":1,`)
}

func TestADirectoryThatVanishesIsCounted(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "logs")
	path := filepath.Join(dir, "bids.jsonl")
	require.NoError(t, os.Mkdir(dir, 0o700))
	log := openLog(t, path, bidlog.Config{})
	writeCalls(log, 1, 2)
	require.NoError(t, log.Flush(t.Context()))
	require.NoError(t, os.RemoveAll(dir))
	writeCalls(log, 2, 5)
	require.NoError(t, log.Flush(t.Context()))
	require.Equal(t, int64(3), log.Stats().Dropped)
	require.ErrorIs(t, log.Stats().LastError, fs.ErrNotExist)
	require.NoError(t, os.Mkdir(dir, 0o700))
	writeCalls(log, 5, 6)
	require.ErrorIs(t, log.Close(), fs.ErrNotExist)
	require.Equal(t, int64(2), log.Stats().Lines)
	require.Contains(t, readAll(t, path), `"attempts":5,`)
}

func TestAFileThatCannotBeMovedGrowsOn(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "bids.jsonl")
	require.NoError(t, os.MkdirAll(path+".1/full", 0o700))
	log := openLog(t, path, bidlog.Config{MaxBytes: 300, MaxFiles: 2})
	for i := 1; i <= 20; i++ {
		writeCalls(log, i, i+1)
		require.NoError(t, log.Flush(t.Context()))
	}
	require.Error(t, log.Close())
	require.Equal(t, int64(20), log.Stats().Lines)
	require.Positive(t, log.Stats().Errors)
	require.Less(t, log.Stats().Errors, int64(15), "not once for each line")
	require.Equal(t, 20, replayed(t, readAll(t, path)).Input.Calls)
}

func TestFilesThatAreNotThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "bids.jsonl")
	_, err := bidlog.Open(filepath.Join(dir, "none", "bids.jsonl"), bidlog.Config{})
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = bidlog.Open(dir, bidlog.Config{})
	require.Error(t, err)
	_, err = bidlog.Files(path)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = bidlog.Files(filepath.Join(dir, "none", "bids.jsonl"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = bidlog.OpenFiles(path)
	require.ErrorIs(t, err, fs.ErrNotExist)

	require.NoError(t, os.WriteFile(path, nil, 0o600))
	r, err := bidlog.OpenFiles(path)
	require.NoError(t, err)
	require.NoError(t, os.Remove(path))
	result, err := bidlog.Replay(r, nil)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NotNil(t, result)
}

func TestOtherFilesAreNotTheLogs(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "bids.jsonl")
	for _, suffix := range []string{"", ".1", ".10", ".2", ".01", ".-1", ".gz", ".1.gz", "1", ".0"} {
		require.NoError(t, os.WriteFile(path+suffix, nil, 0o600))
	}
	require.NoError(t, os.Mkdir(path+".3", 0o700))
	files, err := bidlog.Files(path)
	require.NoError(t, err)
	require.Equal(t, []string{path + ".10", path + ".2", path + ".1", path}, files)
}
