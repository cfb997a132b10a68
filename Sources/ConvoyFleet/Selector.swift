/// Which instances are meant, in the manner of Kubernetes: `ring=canary,region in (eu,us),!legacy,name~team-*`. All terms must hold.
public struct Selector: Sendable, Hashable {
}
