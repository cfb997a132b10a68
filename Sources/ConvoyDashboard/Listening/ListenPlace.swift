/// Where clients reach the dashboard.
package enum ListenPlace: Sendable, Hashable, CustomStringConvertible {
    /// An address of the network; the descriptor is that of a socket which listens there already, nil to open one.
    case network(ListenAddress, descriptor: Int32? = nil)
    /// A Unix socket, which listens already.
    case unix(path: String, descriptor: Int32)

    /// This machine only, at the standard port.
    package static let standard = network(.standard)

    /// Whether only this machine can reach it.
    package var isLocal: Bool {
        switch self {
        case .network(let address, _): address.isLoopback
        case .unix: true
        }
    }

    /// The address as a browser is given it, with the real port; for a Unix socket its path.
    func url(port: Int?, isSecure: Bool) -> String {
        switch self {
        case .network(let address, _): address.url(port: port ?? address.port, isSecure: isSecure)
        case .unix(let path, _): "unix:\(path)"
        }
    }

    package var description: String {
        switch self {
        case .network(let address, _): address.description
        case .unix(let path, _): path
        }
    }
}
