// Reading a whole file, and writing one so that a failure at any moment leaves the old one whole.

import Glibc
import Tensors

private func ioError(_ what: String, _ path: String) -> ChainruleError {
    let reason = String(cString: strerror(errno))
    return ChainruleError(.io, "\(what) \"\(path)\"", expected: "success", got: reason)
}

/// All bytes of a regular file.
public func readFile(_ path: String) throws(ChainruleError) -> Storage {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw ioError("opening", path) }
    defer { close(file) }
    var information = stat()
    guard fstat(file, &information) == 0 else { throw ioError("reading", path) }
    guard information.st_mode & S_IFMT == S_IFREG else {
        throw ChainruleError(.io, "\"\(path)\"", expected: "a regular file", got: "something else, such as a directory")
    }
    let size = Int(information.st_size)
    let storage = try Storage(byteCount: size, what: "the file \"\(path)\"", isZeroed: false)
    var done = 0
    while done < size {
        let count = read(file, storage.pointer + done, min(size - done, 1 << 30))
        if count < 0 && errno == EINTR { continue }
        guard count >= 0 else { throw ioError("reading", path) }
        guard count > 0 else {
            throw ChainruleError(.io, "reading \"\(path)\"", expected: "\(size) bytes", got: "\(done): the file shrank")
        }
        done += count
    }
    return storage
}

/// Writes aside, flushes to the disk, renames over the old file, flushes the directory.
public func writeFile(_ path: String, _ contents: Storage) throws(ChainruleError) {
    // A link is followed, so that it keeps pointing at the file.
    var path = path
    if let resolved = realpath(path, nil) {
        path = String(cString: resolved)
        free(resolved)
    }
    var information = stat()
    let exists = stat(path, &information) == 0
    if exists && information.st_mode & S_IFMT != S_IFREG {
        throw ChainruleError(.io, "writing \"\(path)\"", expected: "a regular file", got: "something else, such as a directory")
    }
    var aside = Array((path + ".XXXXXX").utf8CString)
    let file = mkstemp(&aside)
    guard file >= 0 else { throw ioError("creating a file beside", path) }
    _ = fcntl(file, F_SETFD, FD_CLOEXEC)
    do throws(ChainruleError) {
        defer { close(file) }
        let mask = umask(0)
        umask(mask)
        fchmod(file, exists ? information.st_mode & 0o7777 : 0o666 & ~mask)
        var done = 0
        while done < contents.byteCount {
            let count = write(file, contents.pointer + done, min(contents.byteCount - done, 1 << 30))
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw ioError("writing", path) }
            done += count
        }
        guard fsync(file) == 0 else { throw ioError("flushing", path) }
        guard rename(aside, path) == 0 else { throw ioError("renaming to", path) }
    } catch {
        unlink(aside)
        throw error
    }
    let slash = path.lastIndex(of: "/")
    let directory = open(slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? ".", O_RDONLY | O_CLOEXEC)
    if directory >= 0 {
        fsync(directory)
        close(directory)
    }
}
