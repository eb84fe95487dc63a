// The choice between keeping all of the forward pass's results and computing some of them again
// (Graph/Recomputation.swift): a plan with segments is taken where it is smaller than the one without.

import Graph
import KernelDispatch
import KernelInterface
import Tensors

extension Trainer {
    /// 0: everything is kept; -1: the number that takes the least memory.
    public func setCheckpointSegments(
        _ count: Int, status: ErrorCode = .invalidArgument, what: String = "argument segments"
    ) throws(ChainruleError) {
        guard count >= -1 && count <= 10_000 else {
            throw ChainruleError(status, what, expected: "0 to 10000, or -1 for the best number", got: "\(count)")
        }
        guard count != checkpointSegments else { return }
        checkpointSegments = count
        forgetPlans()
    }

    /// The plan for a batch, and the bytes that one without segments takes.
    func makePlan(_ key: StepKey) throws(ChainruleError) -> (entry: StepPlan, plainBytes: Int) {
        let plain = try StepPlan(self, key)
        var best = plain
        var count = checkpointSegments < 0 ? 2 : checkpointSegments
        while key.isTraining && count > 1 {
            let entry = try StepPlan(self, key, segments: count)
            if entry.activationBytes < best.activationBytes { best = entry }
            guard checkpointSegments < 0, count < model.nodes.count else { break }
            // 2, 3, 4, 6, 8, 12, ...
            count = count & (count - 1) == 0 ? count / 2 * 3 : count / 3 * 4
        }
        return (best, plain.activationBytes)
    }
}

extension StepPlan {
    /// The arena, and the threads' workspace.
    var activationBytes: Int { plan.arenaBytes + (plan.needsScratch ? Team.threadCount * kernelScratchBytes : 0) }
}
