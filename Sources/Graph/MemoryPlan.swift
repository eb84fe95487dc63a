// Where the arena's values lie: two values share memory when their lives don't overlap.

import Layers
import Tensors

struct MemoryPlan {
    /// Byte offset of each value with a place in the arena.
    private(set) var offsets: [Int: Int] = [:]
    private(set) var byteCount = 0

    private struct Life {
        var value: Int
        var first: Int
        var last: Int
        var bytes: Int
    }

    init(_ program: Program) throws(ChainruleError) {
        var lives = MemoryPlan.lives(program)
        let hosts = MemoryPlan.inPlaceHosts(program, &lives)
        // Large ones first, each at the lowest place that is free during its life.
        let order = lives.values.filter { hosts[$0.value] == nil }.sorted { ($0.bytes, -$0.first) > ($1.bytes, -$1.first) }
        var placed: [(life: Life, offset: Int)] = []
        for life in order {
            var offset = 0
            let rivals = placed.filter { $0.life.first <= life.last && life.first <= $0.life.last }.sorted { $0.offset < $1.offset }
            for rival in rivals where rival.offset < offset + life.bytes && offset < rival.offset + rival.life.bytes {
                offset = rival.offset + rival.life.bytes
            }
            let (end, overflow) = offset.addingReportingOverflow(life.bytes)
            guard !overflow, end <= Shape.maximumBytes else {
                throw ChainruleError(.shape, "the activations", expected: "at most 2^46 bytes in all", got: "more")
            }
            placed.append((life, offset))
            offsets[life.value] = offset
            byteCount = max(byteCount, end)
        }
        for (guest, var host) in hosts {
            while let next = hosts[host] { host = next }
            offsets[guest] = offsets[host]
        }
    }

    private static func lives(_ program: Program) -> [Int: Life] {
        var lives: [Int: Life] = [:]
        for (index, operation) in program.operations.enumerated() {
            for operand in operation.operands {
                let root = program.root(operand.value).index
                guard program.values[root].home == .arena else { continue }
                var life = lives[root] ?? Life(value: root, first: index, last: index, bytes: Storage.aligned(program.values[root].byteCount))
                life.last = index
                lives[root] = life
            }
        }
        for (index, value) in program.values.enumerated() where value.isPinned && value.home == .arena {
            lives[index]?.last = program.operations.count
        }
        return lives
    }

    /// Results that take the memory of an operand which dies there. The host's life becomes the whole.
    private static func inPlaceHosts(_ program: Program, _ lives: inout [Int: Life]) -> [Int: Int] {
        var hosts: [Int: Int] = [:]
        for (index, operation) in program.operations.enumerated() {
            guard let pair = operation.inPlace else { continue }
            let read = program.root(pair.read).index
            let write = program.root(pair.write).index
            guard read != write, hosts[write] == nil, let host = lives[read], let guest = lives[write], guest.first == index,
                host.last == index, host.bytes >= guest.bytes
            else { continue }
            hosts[write] = read
        }
        // Lives of hosts stretch over their guests, through chains.
        for (guest, _) in hosts {
            guard let last = lives[guest]?.last else { continue }
            var host = guest
            while let next = hosts[host] {
                host = next
                let own = lives[host]?.last ?? 0
                lives[host]?.last = max(own, last)
            }
        }
        return hosts
    }
}
