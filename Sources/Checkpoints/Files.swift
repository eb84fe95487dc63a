// Reading a whole file, and writing one so that a failure at any moment leaves the old one whole.

import Glibc
import Tensors

private func ioError(_ what: String, _ path: String) -> ChainruleError {
    let reason = String(cString: strerror(errno))
    return ChainruleError(.io, "\(what) \"\(path)\"", expected: "success", got: reason)
}

/// All bytes of a regular file.
public func readFile(_ path: String) throws(ChainruleError) -> Storage {
    // Without O_NONBLOCK opening a named pipe would wait for somebody to write into it.
    let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
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
    let (file, aside) = try createBeside(path, mode: exists ? 0o600 : 0o666)
    do throws(ChainruleError) {
        defer { close(file) }
        if exists { fchmod(file, information.st_mode & 0o7777) }
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

/// A new file beside another one, open for writing. The process's umask applies, which mkstemp does not
/// heed and which can't be read without changing it for a moment in all threads.
private func createBeside(_ path: String, mode: mode_t) throws(ChainruleError) -> (file: Int32, path: String) {
    for _ in 0..<100 {
        let aside = path + "." + String(UInt32.random(in: .min ... .max), radix: 36)
        let file = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        if file >= 0 { return (file, aside) }
        if errno != EEXIST { break }
    }
    throw ioError("creating a file beside", path)
}
