internal import Glibc

/// What the system knows of a file without opening it.
package struct FileStatus: Sendable {
    /// Distinguishes a file from another file of the same name.
    package struct Identity: Hashable, Sendable, CustomStringConvertible {
        fileprivate let device: dev_t
        fileprivate let number: ino_t

        /// Device and inode: `65024:4711`.
        package var description: String { "\(device):\(number)" }
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
        self.init(status)
    }

    /// The file, pipe or socket that is open as this descriptor; nil if it is closed.
    package init?(of descriptor: Int32) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        self.init(status)
    }

    private init(_ status: stat) {
        identity = Identity(device: status.st_dev, number: status.st_ino)
        size = status.st_size
    }
}
