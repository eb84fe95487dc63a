// Every right class's score should be above every wrong one's by 1.

import KernelInterface
import Layers
import Tensors

struct MultilabelMargin: Loss {
    static let kind = "multilabel_margin"
    static let className: String? = "MultiLabelMarginLoss"
    static let documentation = """
        the sum over right and wrong classes of max(0, 1 - x at the right + x at the wrong), divided by the classes; x and \
        targets [batch, classes], the targets being labels up to the first -1
        """
    static let targetRoles = [TargetRole("target", .labels)]
    var isComparable: Bool { false }
    init(_ attributes: Attributes) throws(ChainruleError) {}

    func targets(
        for predictions: [Shape], integers: [Bool], freeSize: Int
    ) throws(ChainruleError) -> [TargetSpecification] {
        let classes = try dimension(predictions[0], rank: 2...2, "scores [batch, classes]")
        return [TargetSpecification(shape: predictions[0], labels: LabelRange(classes: classes, ignored: -1))]
    }

    func emit(_ emit: LossEmitter) {
        emit.rows(
            .multilabelMargin,
            LossEmitter.Rows(
                count: emit.rows, columns: emit.columns, x: emit.predictions[0], gradient: emit.gradient(),
                target: emit.targets[0], workspace: emit.program.value(elements: emit.rows * emit.columns)),
            emit.scale(elements: 1, share: emit.columns))
    }
}
