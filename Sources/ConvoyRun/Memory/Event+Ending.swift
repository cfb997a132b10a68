extension Event.Kind {
    /// How an instance ended, if that is what happened.
    package var ending: (instance: String, result: InstanceResult)? {
        switch self {
        case .instanceFinished(let instance, let result), .rollbackFinished(let instance, let result): (instance, result)
        default: nil
        }
    }
}
