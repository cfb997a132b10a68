internal import Glibc

/// What the system knows of a file without opening it.
package struct FileStatus: Sendable {
    /// Distinguishes a file from another file of the same name.
    package struct Identity: Hashable, Sendable {
        fileprivate let device: dev_t
        fileprivate let number: ino_t
    }

    package let identity: Identity
    /// In bytes.
    package let size: Int

    /// The file that the path names now; nil if it does not exist or cannot be looked up.
    ///
    /// - Parameter followsLinks: whether a symbolic link stands for the file that it leads to.
    package init?(of path: String, followsLinks: Bool = true) {
        var status = stat()
        guard (followsLinks ? stat(path, &status) : lstat(path, &status)) == 0 else { return nil }
        identity = Identity(device: status.st_dev, number: status.st_ino)
        size = status.st_size
    }
}
