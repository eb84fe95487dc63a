// Models and trainers in files and in memory.

import CChainrule
import Checkpoints
import Graph
import Tensors
import Training

@_cdecl("chainrule_model_save") @implementation
public func chainrule_model_save(_ model: OpaquePointer?, _ path: UnsafePointer<CChar>?) -> chainrule_status {
    guarded("chainrule_model_save") { () throws(ChainruleError) in
        let model = try modelHandle(model).model
        let path = try requiredText(path, "path")
        try writeFile(path, try model.withReadLock { () throws(ChainruleError) in try ModelFile.serialize(model) })
    }
}

@_cdecl("chainrule_model_load") @implementation
public func chainrule_model_load(_ path: UnsafePointer<CChar>?, _ model: UnsafeMutablePointer<OpaquePointer?>?) -> chainrule_status {
    guarded("chainrule_model_load") { () throws(ChainruleError) in
        let out = try required(model, "model")
        let contents = try readFile(try requiredText(path, "path"))
        out.pointee = handle(ModelHandle(try load(UnsafeRawBufferPointer(start: contents.pointer, count: contents.byteCount))))
        withExtendedLifetime(contents) {}
    }
}

private func load(_ bytes: UnsafeRawBufferPointer) throws(ChainruleError) -> Model {
    try ModelFile.model(try SafetensorsFile(bytes))
}

@_cdecl("chainrule_model_load_parameters") @implementation
public func chainrule_model_load_parameters(
    _ model: OpaquePointer?, _ path: UnsafePointer<CChar>?, _ strict: Int32
) -> chainrule_status {
    guarded("chainrule_model_load_parameters") { () throws(ChainruleError) in
        let model = try modelHandle(model).model
        let contents = try readFile(try requiredText(path, "path"))
        let file = try SafetensorsFile(UnsafeRawBufferPointer(start: contents.pointer, count: contents.byteCount))
        try exclusively(model) { () throws(ChainruleError) in
            try ModelFile.load(file, into: model, strict: strict != 0, requireAll: strict != 0)
        }
        withExtendedLifetime(contents) {}
    }
}

@_cdecl("chainrule_model_serialize") @implementation
public func chainrule_model_serialize(
    _ model: OpaquePointer?, _ buffer: UnsafeMutableRawPointer?, _ capacity: Int, _ length: UnsafeMutablePointer<Int>?
) -> chainrule_status {
    guarded("chainrule_model_serialize") { () throws(ChainruleError) in
        let model = try modelHandle(model).model
        let length = try required(length, "length")
        guard buffer != nil || capacity == 0 else { throw missing("buffer") }
        let bytes = try model.withReadLock { () throws(ChainruleError) in try ModelFile.serialize(model) }
        length.pointee = bytes.byteCount
        guard let buffer, capacity != 0 else { return }
        guard UInt(bitPattern: capacity) >= UInt(bytes.byteCount) else {
            throw ChainruleError(
                .invalidArgument, "argument capacity", expected: "\(bytes.byteCount) or more, or 0 to ask", got: "\(capacity)")
        }
        buffer.copyMemory(from: bytes.pointer, byteCount: bytes.byteCount)
    }
}

@_cdecl("chainrule_model_deserialize") @implementation
public func chainrule_model_deserialize(
    _ buffer: UnsafeRawPointer?, _ length: Int, _ model: UnsafeMutablePointer<OpaquePointer?>?
) -> chainrule_status {
    guarded("chainrule_model_deserialize") { () throws(ChainruleError) in
        let out = try required(model, "model")
        let buffer = try required(buffer, "buffer")
        guard length >= 0 else {
            throw ChainruleError(.invalidArgument, "argument length", expected: "the buffer's length", got: "\(UInt(bitPattern: length))")
        }
        out.pointee = handle(ModelHandle(try load(UnsafeRawBufferPointer(start: buffer, count: length))))
    }
}

@_cdecl("chainrule_trainer_save") @implementation
public func chainrule_trainer_save(_ trainer: OpaquePointer?, _ path: UnsafePointer<CChar>?) -> chainrule_status {
    guarded("chainrule_trainer_save") { () throws(ChainruleError) in
        let trainer = try trainerObject(trainer)
        let path = try requiredText(path, "path")
        let bytes = try trainer.forReading { () throws(ChainruleError) in
            try trainer.model.withReadLock { () throws(ChainruleError) in
                try SafetensorsFile.serialize(
                    metadata: ModelFile.metadata(trainer.model) + trainer.stateMetadata(),
                    tensors: try ModelFile.tensors(trainer.model) + trainer.stateTensors())
            }
        }
        try writeFile(path, bytes)
    }
}

@_cdecl("chainrule_trainer_load") @implementation
public func chainrule_trainer_load(
    _ path: UnsafePointer<CChar>?, _ model: UnsafeMutablePointer<OpaquePointer?>?,
    _ trainer: UnsafeMutablePointer<OpaquePointer?>?
) -> chainrule_status {
    guarded("chainrule_trainer_load") { () throws(ChainruleError) in
        let modelOut = try required(model, "model")
        let trainerOut = try required(trainer, "trainer")
        let contents = try readFile(try requiredText(path, "path"))
        let file = try SafetensorsFile(UnsafeRawBufferPointer(start: contents.pointer, count: contents.byteCount))
        guard let loss = file.metadata["chainrule_loss"], let optimizer = file.metadata["chainrule_optimizer"] else {
            throw ChainruleError(
                .format, "the file", expected: "a checkpoint of a trainer", got: "a file without a trainer's state")
        }
        let loaded = try ModelFile.model(file)
        let made = try Trainer(model: loaded, loss: loss, optimizer: optimizer)
        try made.restore(metadata: file.metadata)
        for (name, target) in made.stateTensors() {
            guard let entry = file.tensors.first(where: { $0.name == name }), let source = file.view(entry), source.type.isReal,
                entry.shape == Shape(target.dimensions)
            else {
                throw ChainruleError(.format, "the file", expected: "a tensor \"\(name)\" of shape \(target.description)", got: "none")
            }
            copyElements(from: source, to: target)
        }
        withExtendedLifetime(contents) {}
        modelOut.pointee = handle(ModelHandle(loaded))
        trainerOut.pointee = handle(TrainerHandle(made))
    }
}
